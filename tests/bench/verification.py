"""Time checks and verifications of a ledger of years: `python tests/bench/verification.py --help`.

One user has very many ledger rows, others share the rest. check_ledger proves that user piece by
piece under a statement_timeout, then what came since; `pgcredits verify` is killed in the middle
and goes on.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from bench import tables
from bench.program import OPTIONS, _facts, _server

if TYPE_CHECKING:
    from collections.abc import Sequence

Connection = psycopg.Connection[Any]

STATEMENT_TIMEOUT = "8s"
#: Rows of one user in one statement.
BATCH = 100_000

# Deductions of one credit as deduct_user_credits writes them, a millisecond apart, chain and all.
DEDUCTIONS = """
    with recursive chain as (
        select
            u.user_id,
            u.current_lot_id,
            0::bigint as n,
            u.last_seq as seq,
            u.balance,
            u.last_entry_at as at,
            null::uuid as transaction_id,
            u.ledger_head as hash
        from credits.user_credits as u
        where u.user_id = any (%(users)s)
        union all
        select
            x.user_id,
            x.current_lot_id,
            x.n,
            x.seq,
            x.balance,
            x.at,
            x.transaction_id,
            credits_internal.entry_hash(
                x.hash, x.user_id, x.transaction_id, x.seq, 'deduction', -1::bigint, 1::bigint,
                x.balance, x.legs, null, null, null, null, null, null, x.digest, x.at
            )
        from (
            select
                c.user_id,
                c.current_lot_id,
                c.n + 1 as n,
                c.seq + 1 as seq,
                c.balance - 1 as balance,
                c.at + interval '1 millisecond' as at,
                credits_internal.uuid_v7(c.at + interval '1 millisecond') as transaction_id,
                c.hash,
                jsonb_build_array(credits_internal.allocation(c.current_lot_id, -1)) as legs,
                credits_internal.content_digest(null, '{}') as digest
            from chain as c
            where c.n < %(rows)s
            offset 0
        ) as x
    ),
    entries as (
        insert into credits.credit_transactions (
            user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at,
            transaction_type, allocations, metadata, content_digest, entry_hash
        )
        select
            c.user_id, c.transaction_id, c.seq, -1, 1, c.balance, c.at, 'deduction',
            jsonb_build_array(credits_internal.allocation(c.current_lot_id, -1)), '{}',
            credits_internal.content_digest(null, '{}'), c.hash
        from chain as c
        where c.n > 0
    ),
    lots as (
        update credits.credit_lots as l
        set remaining = l.remaining - %(rows)s
        from credits.user_credits as u
        where
            u.user_id = any (%(users)s)
            and l.user_id = u.user_id
            and l.lot_id = u.current_lot_id
    )
    update credits.user_credits as u
    set
        balance = c.balance,
        current_lot_remaining = u.current_lot_remaining - %(rows)s,
        last_seq = c.seq,
        last_entry_at = c.at,
        ledger_head = c.hash
    from chain as c
    where
        c.n = %(rows)s
        and u.user_id = c.user_id
"""
# Grants of the past, so that the deductions after them are not of the future.
BACKDATE = """
    create or replace function credits_internal.clock() returns timestamptz
    language sql volatile parallel safe security invoker
    as $$ select pg_catalog.clock_timestamp() - interval '{}' $$
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; exit status 0 where nothing is violated."""
    args = _parser().parse_args(arguments)
    with (
        _server(args.dsn, args.bindir) as server,
        tables.database(server) as dsn,
        tempfile.TemporaryDirectory() as folder,
    ):
        report: dict[str, Any] = {"server_version": _facts(server)["server_version"], **OPTIONS}
        report |= {"rows": args.rows, "users": args.users, "huge_user_rows": args.huge}
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("set synchronous_commit = off")
            began = time.monotonic()
            huge = _fill(conn, args.users, args.rows, args.huge)
            report["filled_in_seconds"] = round(time.monotonic() - began, 1)
            report["check_ledger"] = _check(conn, huge)
        report["verify"] = _verify(dsn, Path(folder) / "progress.json", args.kill_after)
    print(json.dumps(report, indent=2))  # noqa: T201
    if args.output:
        args.output.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    return 0 if report["verify"]["violations"] == 0 else 7


def _fill(conn: Connection, users: int, rows: int, huge_rows: int) -> str:
    """Many users who share the rows, and one with very many; returns that one's id."""
    seconds = (huge_rows + rows // users) // 1000 + 3600
    conn.execute(BACKDATE.format(f"{seconds} seconds").encode())
    tables.add_users(conn, users + 1)
    conn.execute(BACKDATE.format("0 seconds").encode())
    ids = [
        str(row[0])
        for row in conn.execute(
            "select u.user_id from credits.user_credits as u order by u.user_id"
        )
    ]
    huge = ids.pop(len(ids) // 2)
    left = huge_rows - 2
    while left > 0:
        conn.execute(DEDUCTIONS, {"users": [huge], "rows": min(left, BATCH)})
        left -= BATCH
    each = (rows - huge_rows) // users - 2
    some = max(1, BATCH // max(each, 1))
    for first in range(0, len(ids), some):
        conn.execute(DEDUCTIONS, {"users": ids[first : first + some], "rows": each})
    conn.execute("vacuum (analyze)")
    return huge


def _check(conn: Connection, huge: str) -> dict[str, Any]:
    """The huge user proved from the first row, others besides; then after ten more rows."""
    conn.execute("select set_config('statement_timeout', %s, false)", (STATEMENT_TIMEOUT,))
    first = _seconds(conn, "select from credits.check_ledger(1)")
    conn.execute(
        "insert into credits.ledger_checks (user_id, violations)"
        " select u.user_id, 0 from credits.user_credits as u on conflict do nothing"
    )
    conn.execute(
        "update credits.ledger_checks set verified_at = now() where user_id <> %s", (huge,)
    )
    calls = []
    while not conn.execute(
        "select from credits.ledger_checks where user_id = %s and full_at is not null", (huge,)
    ).fetchall():
        calls.append(_seconds(conn, "select from credits.check_ledger(1)"))
    afterwards = []
    for _ in range(5):
        conn.execute(
            "select from generate_series(1, 10) as n"
            " cross join lateral credits.deduct_user_credits(%s, 1 + 0 * n)",
            (huge,),
        )
        checkpoint = (
            "select from credits.ledger_checks as c"
            " cross join lateral credits_internal.prove_user(c.user_id, c.checkpoint, 10000)"
            f" where c.user_id = '{huge}'"
        )
        afterwards.append(_seconds(conn, checkpoint))
    rounds = [_seconds(conn, "select from credits.check_ledger()") for _ in range(3)]
    return {
        "first_call_seconds": round(first, 3),
        "calls_until_the_huge_user_is_proved": len(calls),
        "longest_of_them_seconds": round(max(calls), 3),
        "after_ten_more_rows_ms": round(1000 * statistics.median(afterwards), 1),
        "500_users_seconds": [round(seconds, 2) for seconds in rounds],
    }


def _seconds(conn: Connection, statement: str) -> float:
    began = time.monotonic()
    conn.execute(statement.encode())
    return time.monotonic() - began


def _verify(dsn: str, progress: Path, kill_after: float) -> dict[str, Any]:
    """Killed in the middle, and to the end."""
    command = [sys.executable, "-m", "pgcredits", "verify", "--dsn", dsn]
    command += ["--resume", str(progress), "--format", "json"]
    temp = "select temp_files, temp_bytes from pg_stat_database where datname = current_database()"
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("select pg_stat_clear_snapshot()")
        (before,) = conn.execute(temp).fetchall()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    try:
        running.wait(kill_after)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)
        running.wait()
    kept = json.loads(progress.read_text())["ledger_rows"] if progress.exists() else 0
    killed = time.monotonic() - began
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode not in (0, 7):
        raise SystemExit(done.stderr)
    seconds = time.monotonic() - began
    with psycopg.connect(dsn, autocommit=True) as conn:
        (after,) = conn.execute(temp).fetchall()
    found = json.loads(done.stdout)
    return {
        "killed_after_seconds": round(killed, 1),
        "rows_kept": kept,
        "seconds_for_the_rest": round(seconds, 1),
        "rows": found["ledger_rows"],
        "users": found["users"],
        "violations": found["violations"],
        "temp_files": after[0] - before[0],
        "temp_bytes": after[1] - before[1],
        "peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/bench/verification.py", description=main.__doc__)
    parser.add_argument("--dsn", help="an existing server, instead of one of our own on a disk")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL's programs to use")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=9_000)
    parser.add_argument("--huge", type=int, default=1_000_000, help="rows of the largest user")
    parser.add_argument("--kill-after", type=float, default=60, help="seconds")
    parser.add_argument("--output", type=Path, help="also write FILE.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
