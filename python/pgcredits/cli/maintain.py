"""``pgcredits maintain``: run the maintenance that the database needs from time to time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from pgcredits.cli.app import app
from pgcredits.cli.console import print_error_line, print_line
from pgcredits.cli.options import DsnOption, Format, FormatOption
from pgcredits.long_running import Stop, stop_on_signals
from pgcredits.maintenance import Done, Maintenance, MaintenanceError


@app.command()
def maintain(
    dsn: DsnOption = "",
    once: Annotated[bool, typer.Option("--once", help="One round, then end.")] = False,
    interval: Annotated[
        float, typer.Option(min=1, max=86_400, help="Seconds between two rounds, about.")
    ] = 60,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Sweep, retry, expire, grant allowances, check the ledger and the alerts; again and again.

    Each task has a transaction of its own. Run one or several: they do each other no harm.
    SIGTERM and Ctrl-C end it after the transaction that is running; a second one cancels that,
    too. A lost connection is opened anew.

    It prints a line for each task that did something (with --once, or as JSON, for each task):
    time, task and count; what failed goes to stderr. As JSON each line is an object with at,
    task, count, failed and error, and all of it goes to stdout.

    Exit status: 0, also after a signal; 3 if the first connection fails, 4 if the role may not
    do this; 20 if with --once a task failed.
    """
    failed: list[str] = []

    def tell(done: Done) -> None:
        if done.count is None and done.task is not None:
            failed.append(done.task)
        if output_format is Format.JSON:
            _print_json(done)
        elif once or done.count != 0 or done.failed:
            _print_text(done)

    stop = Stop()
    maintenance = Maintenance(dsn, stop)
    stop_on_signals(stop, on_second=maintenance.cancel)
    try:
        maintenance.open()
        if once:
            for done in maintenance.run_round():
                tell(done)
        else:
            maintenance.run_rounds(interval, tell)
    finally:
        maintenance.close()
    if once and failed:
        raise MaintenanceError(
            f"failed: {', '.join(failed)}",
            "The lines of these tasks say why; the other tasks were done.",
        )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _print_json(done: Done) -> None:
    facts = {
        "at": _now(),
        "task": done.task,
        "count": done.count,
        "failed": done.failed,
        "error": done.error,
    }
    typer.echo(json.dumps(facts))


def _print_text(done: Done) -> None:
    if done.count is not None:
        print_line(f"{_now()} {done.task}: {done.count}")
    if done.task is None:
        print_error_line(f"{_now()} no connection: {done.error}")
    elif done.count is None:
        print_error_line(f"{_now()} {done.task} failed: {done.error}")
    elif done.failed:
        print_error_line(f"{_now()} {done.task} could not serve {done.failed}: {done.error}")
