"""Time the monitoring views: `python tests/bench/views.py --help`."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from bench import bulk, tables
from bench.program import OPTIONS, _facts, _server
from pgcredits.errors import PgcreditsError
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

Connection = psycopg.Connection[Any]

HISTORY = timedelta(days=364)
#: These are looked at all the time: their latency is held against a deduction's.
HELD = {
    "dashboard_stats()": "select credits.dashboard_stats()",
    "system_health": "select * from credits_monitoring.system_health",
}
MOST_DEDUCTIONS = 100
#: How each view is asked for its last 30 days, by the first of these columns that it has.
LAST_30_DAYS = {
    "day": "day >= current_date - 30",
    "month": "month >= date_trunc('month', now() - interval '30 days')::date",
    "finished_at": "finished_at >= now() - interval '30 days'",
    "started_at": "started_at >= now() - interval '30 days'",
    "at": "at >= now() - interval '30 days'",
}


@dataclass(frozen=True)
class Timing:
    """How long a query takes until all its rows are there.

    Attributes:
        name: Of what was asked.
        asked: The filter, or empty: all rows.
        rows: How many came.
        ms: Median in milliseconds.
        deductions: The same as a multiple of a deduction's latency.
    """

    name: str
    asked: str
    rows: int
    ms: float
    deductions: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; exit status 0 where what is held is as fast as it has to be, else 8."""
    args = _parser().parse_args(arguments)
    try:
        with _server(args.dsn, args.bindir) as server, tables.database(server) as dsn:
            facts = {name: _facts(server)[name] for name in ("server_version", *OPTIONS, "fsync")}
            with psycopg.connect(dsn, autocommit=True) as conn:
                fill(conn, users=args.users, generations=args.generations)
                tables.settle(dsn)
                report = {
                    "server": facts,
                    **measure(conn, args.users, args.repeats),
                    "users_verified": tables.prove(conn, args.sample),
                }
    except PgcreditsError as error:
        _tell(f"{error}\n{error.hint}")
        return error.exit_status
    print(json.dumps(report, indent=2) if args.json else markdown(report))  # noqa: T201
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
        args.output.with_suffix(".md").write_text(markdown(report) + "\n")
    held = [t["deductions"] for t in report["timings"] if t["name"] in HELD]
    return 0 if len(held) == len(HELD) and max(held) < MOST_DEDUCTIONS else 8


def fill(conn: Connection, *, users: int, generations: int) -> None:
    """A year of generations, an eighth of them refunded, and twice as many other deductions."""
    steps = generations // users
    begins = datetime.now(UTC) - HISTORY
    set_clock(conn, begins - timedelta(days=1))
    tables.add_users(conn, users)
    real_clock(conn)
    bulk.prepare(conn)
    for step in range(steps):
        bulk.add_history(
            conn, users, begins + step * (HISTORY / steps), HISTORY / steps, deductions=2
        )
        if (step + 1) % 10 == 0:
            _tell(f"loading: {step + 1} of {steps} generations for each user")
    conn.execute("reset synchronous_commit")
    conn.execute("select count(*) from credits.check_ledger(10)")


def measure(conn: Connection, users: int, repeats: int) -> dict[str, Any]:
    """Time a deduction, what is held against it, each view, and what check_alerts reads."""
    deductions = [
        timed(conn, f"select * from credits.deduct_user_credits(md5('{i % users + 1}')::uuid, 1)")[
            1
        ]
        for i in range(200)
    ]
    deduction_ms = statistics.median(deductions)
    timings = []
    for name, asked, query in (
        *((name, "", query) for name, query in HELD.items()),
        *queries(conn),
    ):
        runs = [timed(conn, query) for _ in range(repeats)]
        ms = statistics.median(ms for _, ms in runs)
        timings.append(Timing(name, asked, runs[-1][0], round(ms, 2), round(ms / deduction_ms, 1)))
        _tell(f"{name} {asked}: {runs[-1][0]} rows, {ms:.1f} ms")
    return {
        "generations": tables.count(conn, "success"),
        "ledger_rows": tables.count(conn, "deduct"),
        "deduction_ms": round(deduction_ms, 3),
        "timings": [asdict(t) for t in timings],
        "check_alerts": check_alerts(conn),
    }


def queries(conn: Connection) -> list[tuple[str, str, str]]:
    """Each view, what it is asked for, and the query; those by day also for one day."""
    found: list[tuple[str, str, str]] = []
    for view, columns in conn.execute(
        """
        select c.relname, array_agg(a.attname::text)
        from pg_class as c
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
        where c.relnamespace = 'credits_monitoring'::regnamespace and c.relkind = 'v'
        group by c.relname
        order by c.relname
        """
    ).fetchall():
        if view in HELD:
            continue
        filters = [text for column, text in LAST_30_DAYS.items() if column in columns][:1]
        if "day" in columns:
            filters.append("day = current_date - 3")
        found.extend(
            (view, text, f"select * from credits_monitoring.{view} where {text or 'true'}")
            for text in filters or [""]
        )
    return found


def timed(conn: Connection, query: str) -> tuple[int, float]:
    """Rows, and milliseconds until all of them were there."""
    began = time.perf_counter()
    rows = len(conn.execute(query.encode()).fetchall())
    return rows, (time.perf_counter() - began) * 1000


def check_alerts(conn: Connection) -> dict[str, Any]:
    """How long check_alerts takes, and how many rows it reads of what its rules' windows hold."""
    # What this session has read so far is not to be counted.
    conn.execute("select pg_stat_force_next_flush()")
    with conn.transaction(force_rollback=True):
        _, ms = timed(conn, "select * from credits.check_alerts()")
        read = dict(
            conn.execute(
                """
                select s.relname, s.seq_tup_read + coalesce(s.idx_tup_fetch, 0)
                from pg_stat_xact_user_tables as s
                where s.schemaname = 'credits' and s.relname in (
                    'generations', 'refund_totals', 'credit_transactions'
                )
                """
            ).fetchall()
        )
    row = conn.execute(
        "select count(*) from credits.generations as g"
        " where g.finished_at > now() - (select max(r.time_window) from credits.alert_rules as r)"
    ).fetchone()
    assert row is not None
    return {"ms": round(ms, 2), "rows_read": read, "generations_in_widest_window": row[0]}


def markdown(report: dict[str, Any]) -> str:
    """The report as a table for people."""
    checked = report["check_alerts"]
    return "\n".join(
        [
            f"PostgreSQL {report['server']['server_version']}; {report['generations']} "
            f"generations, {report['ledger_rows']} ledger rows. A deduction takes "
            f"{report['deduction_ms']} ms. check_alerts: {checked['ms']} ms, read "
            + ", ".join(f"{n} rows of {t}" for t, n in sorted(checked["rows_read"].items()))
            + f" ({checked['generations_in_widest_window']} finished in its widest window).",
            "",
            "| view | asked for | rows | ms | deductions |",
            "|---|---|--:|--:|--:|",
            *(
                f"| {t['name']} | {t['asked'] or 'all'} | {t['rows']} | {t['ms']:.1f} "
                f"| {t['deductions']:.0f} |"
                for t in report["timings"]
            ),
        ]
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/bench/views.py", description=__doc__)
    parser.add_argument("--dsn", help="an existing server, instead of one of our own on a disk")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL's programs to use")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--generations", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3, help="their median counts")
    parser.add_argument("--sample", type=int, default=25, help="users whose ledger is verified")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--output", type=Path, help="also write both: FILE.json and FILE.md", metavar="FILE"
    )
    return parser


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
