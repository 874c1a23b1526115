"""``pgcredits maintain``: what has to be done from time to time."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from pgcredits.cli.app import DsnOption, app, err, out
from pgcredits.connections import connect
from pgcredits.maintenance import Done, MaintenanceError, run_once
from pgcredits.maintenance import maintain as run_rounds

if TYPE_CHECKING:
    from types import FrameType


@app.command()
def maintain(
    dsn: DsnOption = "",
    once: Annotated[bool, typer.Option("--once", help="One round, then end.")] = False,
    interval: Annotated[
        float, typer.Option(min=1, max=86_400, help="Seconds between two rounds, about.")
    ] = 60,
) -> None:
    """Sweep, retry, expire, grant allowances, check the ledger and the alerts; again and again.

    Each task has a transaction of its own. Run one or several: they do each other no harm.
    SIGTERM and Ctrl-C end it after the task that is running.

    Exit status: 0, also after SIGTERM; 20 if with --once a task failed.
    """
    stop = Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)

    failed: list[str] = []

    def tell(done: Done | str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if isinstance(done, str):
            err.print(f"{now} {done}", markup=False, highlight=False)
        elif done.error is not None:
            failed.append(done.task)
            err.print(f"{now} {done.task} failed: {done.error}", markup=False, highlight=False)
        elif done.affected or once:
            out.print(f"{now} {done.task}: {done.affected}", markup=False, highlight=False)

    if not once:
        run_rounds(dsn, interval=interval, stop=stop, tell=tell)
        return
    with connect(dsn) as conn:
        for done in run_once(conn, stop):
            tell(done)
    if failed:
        raise MaintenanceError(
            f"failed: {', '.join(failed)}", "See above for what PostgreSQL said of each."
        )
