"""The benchmark's command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from bench import runs, tables
from bench.setting import SCENARIOS, Scenario, Setting
from pgcredits.errors import PgcreditsError
from pgcredits.server import ephemeral_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgcredits.server import Binaries

# Those of a small production server. What is not named here is PostgreSQL's default.
OPTIONS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "synchronous_commit": "on",
}
REPORTED = (*OPTIONS, "fsync", "full_page_writes", "wal_sync_method", "autovacuum")


@dataclass(frozen=True)
class Result:
    """What one scenario came to."""

    scenario: str
    title: str
    ratio: float
    least_ratio: float
    ratios_of_rounds: list[float]
    rows_before: int
    users_verified: int
    sides: dict[str, runs.Figures]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; exit status 0 where every ratio is what it has to be, else 8."""
    parser = _parser()
    args = parser.parse_args(arguments)
    pinned = {name: vars(args)[name] for name in Setting.__dataclass_fields__}
    setting = Setting(**pinned)
    wanted = [s for s in SCENARIOS if not args.scenario or s.name in args.scenario]
    try:
        report = measure(wanted, setting, dsn=args.dsn, bindir=args.bindir)
    except PgcreditsError as error:
        _tell(f"{error}\n{error.hint}")
        return error.exit_status
    table = markdown(report)
    print(json.dumps(report, indent=2) if args.json else table)  # noqa: T201
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
        args.output.with_suffix(".md").write_text(table + "\n")
    return 0 if all(s["ratio"] >= s["least_ratio"] for s in report["scenarios"]) else 8


def measure(
    scenarios: Sequence[Scenario],
    setting: Setting,
    *,
    dsn: str | None = None,
    bindir: Path | None = None,
) -> dict[str, Any]:
    """Measure the scenarios, each in a new database on the same server."""
    binaries = runs.find_pgbench(bindir)
    with _server(dsn, bindir) as server_dsn:
        return {
            "setting": asdict(setting),
            "machine": {"cores": os.cpu_count(), "system": sys.platform},
            "server": _facts(server_dsn),
            "scenarios": [
                asdict(_measure(binaries, server_dsn, scenario, setting)) for scenario in scenarios
            ],
        }


def markdown(report: dict[str, Any]) -> str:
    """The report as tables."""
    setting, server = report["setting"], report["server"]
    length = (
        f"{setting['seconds']} s"
        if setting["transactions"] is None
        else f"{setting['transactions']} calls per client"
    )
    lines = [
        f"PostgreSQL {server['server_version']}, {report['machine']['cores']} cores, fsync "
        f"{server['fsync']}, synchronous_commit {server['synchronous_commit']}; "
        f"{setting['users']} users, {setting['clients']} clients, median of {setting['rounds']} "
        f"alternating runs of {length}.",
        "",
        "| scenario | | runs/s | ratio | p50 ms | p99 ms | CPU µs/run | WAL B/run "
        "| heap B/run | index B/run | HOT updates |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for result in report["scenarios"]:
        title = f"{result['title']} ({result['rows_before']} rows before)"
        for is_ours, (side, figures) in enumerate(result["sides"].items()):
            cpu = figures["cpu_us_per_call"]
            shares = ", ".join(
                f"{name.partition('.')[2]} {share:.1%}"
                for name, share in figures["hot_update_share"].items()
            )
            cells = [
                "" if is_ours else title,
                side,
                f"{figures['tps']:.0f}",
                f"**{result['ratio']:.3f}**" if is_ours else "1",
                f"{figures['p50_ms']:.2f}",
                f"{figures['p99_ms']:.2f}",
                "unknown" if cpu is None else f"{cpu:.0f}",
                f"{figures['wal_bytes_per_call']:.0f}",
                f"{figures['heap_bytes_per_call']:.0f}",
                f"{figures['index_bytes_per_call']:.0f}",
                shares,
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    pinned = Setting()
    parser = argparse.ArgumentParser(prog="tests/bench/run.py", description=__doc__)
    parser.add_argument("--dsn", help="an existing server, instead of one of our own on a disk")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL's programs to use")
    parser.add_argument(
        "--scenario", action="append", choices=[s.name for s in SCENARIOS], help="default: all"
    )
    for name in ("users", "clients", "threads", "rounds", "seconds", "sample"):
        parser.add_argument(f"--{name}", type=int, default=getattr(pinned, name))
    parser.add_argument("--transactions", type=int, help="calls per client, instead of --seconds")
    parser.add_argument("--ledger-rows", type=int, default=pinned.ledger_rows)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--output", type=Path, help="also write both: FILE.json and FILE.md", metavar="FILE"
    )
    return parser


@contextmanager
def _server(dsn: str | None, bindir: Path | None) -> Iterator[str]:
    if dsn is not None:
        yield dsn
        return
    with ephemeral_server(bindir=bindir, fsync=True, options=OPTIONS) as server:
        yield server.dsn()


def _facts(dsn: str) -> dict[str, str]:
    with psycopg.connect(dsn) as conn:
        facts = {
            name: str(conn.execute("select current_setting(%s)", (name,)).fetchall()[0][0])
            for name in REPORTED
        }
        version = conn.info.parameter_status("server_version") or ""
    return {"server_version": version.split(" ", 1)[0], **facts}


def _measure(binaries: Binaries, server_dsn: str, scenario: Scenario, setting: Setting) -> Result:
    _tell(f"{scenario.title}: preparing {setting.users} users")
    with _databases(server_dsn, scenario) as dsns:
        scripts = dict(zip(scenario.sides, (scenario.base, scenario.ours), strict=True))
        for dsn in dict.fromkeys(dsns.values()):
            _prepare(dsn, scenario, setting, is_second=dsn == dsns[scenario.sides[1]])
            # Plans that were made while the tables were empty are forgotten with their sessions.
            for script in dict.fromkeys(scripts.values()):
                runs.run(binaries, dsn, script, runs.warm_up(setting), hot=scenario.hot)
            tables.settle(dsn)
        ours = dsns[scenario.sides[1]]
        with psycopg.connect(ours, autocommit=True) as conn:
            rows_before = tables.count(conn, scenario.ours)
        measured: dict[str, list[runs.Run]] = {side: [] for side in scenario.sides}
        for number in range(1, setting.rounds + 1):
            for side, script in scripts.items():
                one = runs.run(binaries, dsns[side], script, setting, hot=scenario.hot)
                measured[side].append(one)
                _tell(f"{scenario.name} {number}/{setting.rounds} {side}: {one.tps:.0f} runs/s")
        with psycopg.connect(ours, autocommit=True) as conn:
            verified = tables.prove(conn, setting.sample)
    figures = {side: runs.summarise(of_side) for side, of_side in measured.items()}
    base, own = figures.values()
    return Result(
        scenario=scenario.name,
        title=scenario.title,
        ratio=round(own.tps / base.tps, 4),
        least_ratio=scenario.least_ratio,
        ratios_of_rounds=[
            round(o / b, 4) for o, b in zip(own.tps_of_runs, base.tps_of_runs, strict=True)
        ],
        rows_before=rows_before,
        users_verified=verified,
        sides=figures,
    )


@contextmanager
def _databases(server_dsn: str, scenario: Scenario) -> Iterator[dict[str, str]]:
    """Where each side runs: in one database, but where they differ in what is loaded."""
    with ExitStack() as stack:
        base = stack.enter_context(tables.database(server_dsn))
        own = base
        if scenario.loaded == "generations":
            own = stack.enter_context(tables.database(server_dsn))
        yield dict(zip(scenario.sides, (base, own), strict=True))


def _prepare(dsn: str, scenario: Scenario, setting: Setting, *, is_second: bool) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        tables.add_users(conn, setting.users)
    if scenario.loaded == "ledgers":
        tables.load_ledgers(dsn, setting, _tell)
    elif scenario.loaded == "generations":
        if is_second:
            tables.load_generations(dsn, setting, _tell)
        with psycopg.connect(dsn, autocommit=True) as conn:
            tables.start_recent(conn, setting.users)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201
