"""Time a month's end: `python tests/bench/month_end.py --help`."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg
from psycopg import sql

from bench import runs, tables
from bench.program import OPTIONS, _facts, _server
from bench.setting import Setting
from pgcredits.errors import PgcreditsError
from pgcredits.long_running import Stop
from pgcredits.maintenance import Maintenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pgcredits.server import Binaries

Connection = psycopg.Connection[Any]

MOST_MS_A_USER = 1.2
MOST_P99_RATIO = 2.0
#: How many users are loaded in one transaction.
PORTION = 20_000

#: Users on three plans who were granted the last month, as set_user_plan and apply_allowances
#: leave them, and have spent nothing of it: all of them are due.
SUBSCRIBERS = """
    with months as (
        select
            date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' as begins,
            date_trunc('month', now() at time zone 'UTC')::date - interval '1 month' as earlier
    ),
    granted as materialized (
        select
            md5('subscriber-' || i)::uuid as user_id,
            p.plan,
            p.monthly_credits as credits,
            m.begins,
            m.earlier::date as month,
            m.begins - interval '10 days' as at,
            credits_internal.uuid_v7(m.begins - interval '10 days') as transaction_id,
            credits_internal.uuid_v7(m.begins - interval '10 days') as lot_id,
            format('pgcredits:allowance:%%s:%%s', to_char(m.earlier, 'YYYY-MM'), p.monthly_credits)
                as idempotency_key,
            credits_internal.content_digest(null, '{}') as digest
        from generate_series(%(first)s::integer, %(last)s::integer) as i
        cross join months as m
        inner join credits.plans as p on p.plan = (array['free', 'plus', 'pro'])[1 + i %% 3]
    ),
    hashed as materialized (
        select
            g.*,
            jsonb_build_array(credits_internal.allocation(g.lot_id, g.credits)) as legs,
            credits_internal.entry_hash(
                '\\x', g.user_id, g.transaction_id, 1, 'grant', g.credits, null, g.credits,
                jsonb_build_array(credits_internal.allocation(g.lot_id, g.credits)), 'allowance',
                null, null, null, null, g.idempotency_key, g.digest, g.at
            ) as hash
        from granted as g
    ),
    users as (
        insert into credits.user_credits (
            user_id, balance, last_seq, last_entry_at, next_due_at, next_allowance_at,
            current_lot_id, current_lot_remaining, created_at, updated_at, allowance_credits,
            allowance_month, ledger_head, plan
        )
        select
            h.user_id, h.credits, 1, h.at, h.begins, h.begins, h.lot_id, h.credits, h.at, h.at,
            h.credits, h.month, h.hash, h.plan
        from hashed as h
    ),
    lots as (
        insert into credits.credit_lots (
            user_id, lot_id, granted, remaining, expires_at, created_at, grant_transaction_id,
            source
        )
        select
            h.user_id, h.lot_id, h.credits, h.credits, h.begins, h.at, h.transaction_id,
            'allowance'
        from hashed as h
    )
    insert into credits.credit_transactions (
        user_id, transaction_id, seq, credits, balance_after, created_at, transaction_type, source,
        allocations, idempotency_key, metadata, content_digest, entry_hash
    )
    select
        h.user_id, h.transaction_id, 1, h.credits, h.credits, h.at, 'grant', 'allowance', h.legs,
        h.idempotency_key, '{}', h.digest, h.hash
    from hashed as h
"""

#: One of them bought credits and spent them in so many deductions of one credit.
LONG_LEDGER = """
    with recursive bought as (
        select
            u.user_id, u.balance, u.last_seq, u.last_entry_at, u.ledger_head, u.current_lot_id,
            l.lot_id, l.created_at, l.expires_at, %(rows)s::bigint as credits,
            credits_internal.uuid_v7(u.last_entry_at + interval '1 millisecond') as transaction_id,
            credits_internal.uuid_v7(u.last_entry_at + interval '1 millisecond') as bought_lot_id,
            u.last_entry_at + interval '1 millisecond' as at,
            credits_internal.content_digest(null, '{}') as digest
        from credits.user_credits as u
        inner join credits.credit_lots as l on u.current_lot_id = l.lot_id
        where u.user_id = md5('subscriber-3')::uuid
    ),
    entries as (
        select
            b.last_seq + 1 as seq,
            b.transaction_id,
            b.credits as moved,
            b.credits as requested,
            b.balance + b.credits as balance_after,
            'grant'::credits.transaction_type as transaction_type,
            'purchase'::credits.credit_source as source,
            'payment' as idempotency_key,
            b.at,
            jsonb_build_array(credits_internal.allocation(b.bought_lot_id, b.credits)) as legs,
            credits_internal.entry_hash(
                b.ledger_head, b.user_id, b.transaction_id, b.last_seq + 1, 'grant', b.credits,
                b.credits, b.balance + b.credits,
                jsonb_build_array(credits_internal.allocation(b.bought_lot_id, b.credits)),
                'purchase', null, null, null, null, 'payment', b.digest, b.at
            ) as hash
        from bought as b

        union all

        select
            e.seq + 1,
            n.transaction_id,
            -1::bigint,
            1::bigint,
            e.balance_after - 1,
            'deduction',
            null,
            null,
            n.at,
            n.legs,
            credits_internal.entry_hash(
                e.hash, b.user_id, n.transaction_id, e.seq + 1, 'deduction', -1, 1,
                e.balance_after - 1, n.legs, null, null, null, null, null, null, b.digest, n.at
            )
        from entries as e
        cross join bought as b
        cross join lateral (
            select
                e.at + interval '1 millisecond' as at,
                credits_internal.uuid_v7(e.at + interval '1 millisecond') as transaction_id,
                jsonb_build_array(credits_internal.allocation(b.bought_lot_id, -1)) as legs
        ) as n
        where e.seq < %(rows)s
    ),
    written as materialized (select e.* from entries as e),
    lot as (
        insert into credits.credit_lots (
            user_id, lot_id, granted, remaining, created_at, grant_transaction_id, source
        )
        select
            b.user_id, b.bought_lot_id, b.credits,
            b.credits - (select count(*) from written as w where w.moved < 0),
            b.at, b.transaction_id, 'purchase'
        from bought as b
    ),
    users as (
        update credits.user_credits as u
        set
            balance = w.balance_after,
            last_seq = w.seq,
            last_entry_at = w.at,
            ledger_head = w.hash
        from (select x.* from written as x order by x.seq desc limit 1) as w
        where u.user_id = md5('subscriber-3')::uuid
    )
    insert into credits.credit_transactions (
        user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at,
        transaction_type, source, allocations, idempotency_key, metadata, content_digest, entry_hash
    )
    select
        b.user_id, w.transaction_id, w.seq, w.moved, w.requested, w.balance_after, w.at,
        w.transaction_type, w.source, w.legs, w.idempotency_key, '{}', b.digest, w.hash
    from written as w
    cross join bought as b
"""

WAITING = """
    select count(*) from credits.user_credits as u where u.next_due_at <= now()
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; exit status 0 where the figures are what they have to be, else 8."""
    parser = _parser()
    args = parser.parse_args(arguments)
    try:
        report = measure(args)
    except PgcreditsError as error:
        _tell(f"{error}\n{error.hint}")
        return error.exit_status
    print(json.dumps(report, indent=2))  # noqa: T201
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    is_fast = report["alone"]["ms_a_user"] <= MOST_MS_A_USER
    beside = report["beside"]
    is_quiet = beside["beside"]["p99_ratio"] <= MOST_P99_RATIO
    return 0 if is_fast and is_quiet and beside["lasted_as_long_as_the_traffic"] else 8


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """A month's end alone, and one of fewer users beside traffic."""
    binaries = runs.find_pgbench(args.bindir)
    traffic = replace(Setting(), users=args.traffic_users, seconds=args.seconds, rounds=args.rounds)
    with _server(args.dsn, args.bindir) as server_dsn, tables.database(server_dsn) as dsn:
        report: dict[str, Any] = {
            "machine": {"cores": os.cpu_count(), "system": sys.platform},
            "server": _facts(server_dsn),
            "options": OPTIONS,
            "users": args.users,
            "rows_of_one": args.rows_of_one,
        }
        with psycopg.connect(dsn, autocommit=True) as conn:
            tables.add_users(conn, traffic.users)
            conn.execute("update credits.plans set rollover_max_credits = monthly_credits")
            _load(conn, 1, args.users)
            conn.execute(LONG_LEDGER.encode(), {"rows": args.rows_of_one})
            # The second of them cannot be served.
            conn.execute(
                "alter table credits.credit_transactions add constraint"
                " credit_transactions_not_for_one check (user_id <> "
                + sql.Literal(_subscriber(conn, 2)).as_string(conn)
                + ") not valid"
            )
            tables.settle(dsn)
            # The first of them is busy all the time.
            with _locked(dsn, _subscriber(conn, 1)):
                report["alone"] = _drain(dsn, args.users)
                _tell(f"alone: {report['alone']}")
                _load(conn, args.users + 1, args.users + args.beside)
                tables.settle(dsn)
                report["beside"] = _beside(binaries, dsn, traffic)
                (left,) = conn.execute(WAITING).fetchall()[0]
                report["beside"]["users"] = args.users + args.beside - left
                # Else the traffic's last part had maintenance with nothing to do beside it.
                report["beside"]["lasted_as_long_as_the_traffic"] = left > 2
            report["users_verified"] = tables.prove(conn, 25)
    return report


def _beside(binaries: Binaries, dsn: str, traffic: Setting) -> dict[str, Any]:
    """Traffic alone, beside maintenance, and beside a program that uses no database, in turns."""
    company: dict[str, Callable[[str], AbstractContextManager[None]]] = {
        "usual": lambda _: nullcontext(),
        "beside": _maintaining,
        "beside_a_loop": _looping,
    }
    measured: dict[str, list[runs.Run]] = {side: [] for side in company}
    runs.run(binaries, dsn, "deduct", runs.warm_up(traffic), hot=False)
    for _ in range(traffic.rounds):
        for side, beside in company.items():
            with beside(dsn):
                measured[side].append(runs.run(binaries, dsn, "deduct", traffic, hot=False))
    figures = {side: runs.summarise(of_side) for side, of_side in measured.items()}
    return {
        side: {
            "tps": own.tps,
            "p50_ms": own.p50_ms,
            "p99_ms": own.p99_ms,
            "p99_ratio": round(own.p99_ms / figures["usual"].p99_ms, 3),
        }
        for side, own in figures.items()
    }


@contextmanager
def _maintaining(dsn: str) -> Iterator[None]:
    """Maintain until the end of the block."""
    stop = Stop()
    maintenance = Maintenance(dsn, stop)
    maintenance.open()
    thread = Thread(target=maintenance.run_rounds, args=(1.0, lambda _: None))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        maintenance.close()


@contextmanager
def _looping(_: str) -> Iterator[None]:
    """Count on one processor until the end of the block."""
    with subprocess.Popen([sys.executable, "-c", "while True: sum(range(10_000))"]) as loop:
        try:
            yield
        finally:
            loop.kill()


def _load(conn: Connection, first: int, last: int) -> None:
    conn.execute("set synchronous_commit = off")
    for begin in range(first, last + 1, PORTION):
        portion = {"first": begin, "last": min(last, begin + PORTION - 1)}
        conn.execute(SUBSCRIBERS.encode(), portion)
        _tell(f"loaded: {portion['last']} subscribers")
    conn.execute("reset synchronous_commit")


def _drain(dsn: str, users: int) -> dict[str, Any]:
    """Rounds of maintenance until only the busy and the broken user wait."""
    maintenance = Maintenance(dsn, Stop())
    maintenance.open()
    peak, cpu = 0, 0.0
    failed: dict[str, str] = {}
    with psycopg.connect(dsn, autocommit=True) as conn:
        began = time.monotonic()
        waiting = users
        while waiting > 2:
            is_behind = False
            for done in maintenance.run_round():
                is_behind |= done.is_behind
                pid = maintenance._conn.info.backend_pid  # type: ignore[union-attr]
                peak, cpu = max(peak, _own_memory(pid)), _cpu_seconds(pid)
                if done.error is not None:
                    failed[str(done.task)] = done.error
            # To count them takes time, too.
            if not is_behind:
                (waiting,) = conn.execute(WAITING).fetchall()[0]
        seconds = time.monotonic() - began
    maintenance.close()
    return {
        "users": users,
        "seconds": round(seconds, 1),
        "ms_a_user": round(seconds * 1000 / users, 3),
        "cpu_ms_a_user": round(cpu * 1000 / users, 3),
        "peak_mb_of_the_backend": round(peak / 1024, 1),
        "failed": failed,
    }


def _own_memory(pid: int) -> int:
    """Kilobytes that are the backend's own, without shared buffers; 0 where nobody can say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    match = re.search(r"RssAnon:\s+(\d+) kB", status)
    return int(match[1]) if match else 0


def _cpu_seconds(pid: int) -> float:
    """What the backend has used of the processors; 0 where nobody can say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _subscriber(conn: Connection, number: int) -> str:
    row = conn.execute("select md5(%s)::uuid::text", (f"subscriber-{number}",)).fetchone()
    assert row is not None
    return str(row[0])


@contextmanager
def _locked(dsn: str, user: str) -> Iterator[None]:
    with psycopg.connect(dsn) as conn:
        conn.execute("select from credits.user_credits where user_id = %s for update", (user,))
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/bench/month_end.py", description=main.__doc__)
    parser.add_argument("--dsn", help="an existing server, instead of one of our own on a disk")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL's programs to use")
    parser.add_argument("--users", type=int, default=1_000_000, help="due while nothing else runs")
    parser.add_argument("--beside", type=int, default=100_000, help="due beside the traffic")
    parser.add_argument("--rows-of-one", type=int, default=200_000, help="in one user's ledger")
    parser.add_argument("--traffic-users", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=20, help="length of a run of traffic")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind, in turns")
    parser.add_argument("--output", type=Path, help="also write FILE.json", metavar="FILE")
    return parser


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
