"""Time the refunds of stuck generations: `python tests/bench/stuck.py --help`.

Among their users one has a long ledger, one is held locked, and one cannot be refunded.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from bench import bulk, tables
from bench.program import OPTIONS, _facts, _server
from pgcredits.long_running import Stop
from pgcredits.maintenance import BATCH, Maintenance

if TYPE_CHECKING:
    from collections.abc import Sequence

Connection = psycopg.Connection[Any]

HUGE, LOCKED, BROKEN = "md5('1')::uuid", "md5('2')::uuid", "md5('3')::uuid"
MOST_SECONDS = 300

STUCK = """
    with events as (
        insert into credits.generation_events (
            user_id, generation_id, event_no, event, applied, is_callback, created_at, payload
        )
        select p.user_id, p.generation_id, 1, 'started', true, false, p.at, '{}'
        from planned as p
    )
    insert into credits.generations (
        user_id, generation_id, charge_transaction_id, credits_charged, created_at, deadline_at,
        last_event_no, provider, generation_type, metadata
    )
    select
        p.user_id, p.generation_id, p.transaction_id, 1, p.at, p.at + interval '1 second', 1,
        p.provider, p.generation_type, '{}'
    from planned as p
"""
BREAK = f"""
    create function public.refuse() returns trigger language plpgsql as $$
    begin
        raise exception 'this user cannot be refunded';
    end $$;
    create trigger refuse before insert on credits.refund_totals
    for each row when (new.user_id = {BROKEN}) execute function public.refuse()
"""
LEFT = f"""
    select
        count(*) filter (where g.user_id <> {LOCKED}) as others,
        count(*) as all_users
    from credits.generations as g
    where g.finished_at is null
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; exit status 0 where all is refunded within five minutes, else 8."""
    args = _parser().parse_args(arguments)
    with _server(args.dsn, args.bindir) as server, tables.database(server) as dsn:
        facts = _facts(server)
        with psycopg.connect(dsn, autocommit=True) as conn:
            fill(conn, users=args.users, stuck=args.stuck, huge_rows=args.huge_rows)
            tables.settle(dsn)
            report = {
                "server": {name: facts[name] for name in ("server_version", *OPTIONS, "fsync")},
                "users": args.users,
                "stuck": args.stuck,
                "huge_rows": args.huge_rows,
                "batch": BATCH,
                **measure(conn, dsn),
                "users_verified": tables.prove(conn, args.sample),
            }
    print(json.dumps(report, indent=2))  # noqa: T201
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    return 0 if report["seconds"] <= MOST_SECONDS else 8


def fill(conn: Connection, *, users: int, stuck: int, huge_rows: int) -> None:
    """As many stuck generations for each user, the first of whom has so many rows besides."""
    tables.add_users(conn, users)
    bulk.prepare(conn)
    # In many transactions: each walks over the versions of the user's row that it has made.
    for begin in range(1, huge_rows, 500):
        conn.execute(
            "select count(*) from generate_series(%s::integer, %s::integer) as i"
            f" cross join lateral credits.deduct_user_credits("
            f"{HUGE}, 1, p_metadata => jsonb_build_object('i', i))",
            (begin, min(begin + 499, huge_rows)),
        )
    for _ in range(stuck // users):
        with conn.transaction():
            bulk._plan(
                conn,
                "user_id, at, transaction_id, generation_id",
                "md5(i::text)::uuid, t.at, credits_internal.uuid_v7(t.at),"
                " credits_internal.uuid_v7(t.at)"
                " from generate_series(1, %s::bigint) as i"
                " cross join lateral (select clock_timestamp() + 0 * interval '1 s' * i as at) t",
                users,
            )
            conn.execute(bulk.LEDGER)
            conn.execute(STUCK)
    conn.execute(BREAK)
    conn.execute("reset synchronous_commit")
    # The last deadline passes.
    time.sleep(1)


def measure(conn: Connection, dsn: str) -> dict[str, Any]:
    """Rounds of maintenance until all but the locked user's generations are settled."""
    tasks: dict[str, dict[str, float]] = {}
    maintenance = Maintenance(dsn, Stop())
    maintenance.open()
    began = time.monotonic()
    with psycopg.connect(dsn) as holder:
        holder.execute(f"select from credits.user_credits where user_id = {LOCKED} for update")
        while left(conn)[0]:
            since = time.monotonic()
            for done in maintenance.run_round():
                figures = tasks.setdefault(done.task or "", {"seconds": 0.0, "count": 0})
                figures["seconds"] = round(figures["seconds"] + time.monotonic() - since, 2)
                figures["count"] += done.count or 0
                since = time.monotonic()
    seconds = time.monotonic() - began
    assert maintenance._conn is not None
    pid = maintenance._conn.info.backend_pid
    peak, processor = memory(pid), processor_seconds(pid)
    maintenance.close()
    return {
        "seconds": round(seconds, 1),
        "processor_seconds": processor,
        "tasks": tasks,
        "left_of_locked_user": left(conn)[1],
        "peak_memory_mb": peak,
    }


def left(conn: Connection) -> tuple[int, int]:
    """How many are stuck: of others than the locked user, and in all."""
    row = conn.execute(LEFT).fetchone()
    assert row is not None
    return row[0], row[1]


def memory(pid: int) -> dict[str, int | None]:
    """What the server's process needed, shared buffers included, and what it has of its own now."""
    status = Path(f"/proc/{pid}/status")
    text = status.read_text() if status.exists() else ""
    found = dict(re.findall(r"^(VmHWM|RssAnon):\s+(\d+) kB$", text, re.MULTILINE))
    return {
        name: int(found[key]) // 1024 if key in found else None
        for name, key in (("with_shared_buffers", "VmHWM"), ("own", "RssAnon"))
    }


def processor_seconds(pid: int) -> float | None:
    """What the server's process has computed so far: on a busy machine less than it took."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/bench/stuck.py", description=main.__doc__)
    parser.add_argument("--dsn", help="an existing server, instead of one of our own on a disk")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL's programs to use")
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--stuck", type=int, default=100_000)
    parser.add_argument("--huge-rows", type=int, default=200_000)
    parser.add_argument("--sample", type=int, default=20, help="users verified afterwards")
    parser.add_argument("--output", type=Path, help="also write FILE.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
