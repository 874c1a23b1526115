"""``pgcredits demo``: every way a generation can go, in a few seconds, on a throwaway server."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from pgcredits.cli.app import app, err, out
from pgcredits.cli.deploy import Format, FormatOption
from pgcredits.cli.verify import require_none, show
from pgcredits.errors import LedgerViolationError

if TYPE_CHECKING:
    from typing import Self

    from rich.progress import TaskID

    from pgcredits.demo.results import Results
    from pgcredits.server import Server

DATABASE = "postgres"


@app.command()
def demo(
    users: Annotated[
        int, typer.Option(min=1, max=1_000, help="How many go through all scenarios.")
    ] = 20,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the server running, to look around with psql.")
    ] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """See it work: every way in which a paid generation can go, on a server of its own.

    A simulated provider succeeds, fails with every code, talks nonsense, calls back twice, late,
    out of order or never; the application crashes between its calls; users cancel; maintenance
    runs beside it. Each generation's net price is then judged from the ledger. Nothing is left
    behind. Exit status: 7 if a net price is wrong or the ledger does not prove itself.
    """
    from pgcredits.server import ephemeral_server

    with ExitStack() as stack:
        with Bars() as bars:
            bars.scene("a PostgreSQL server")
            server = stack.enter_context(ephemeral_server())
            results = run(server.dsn(DATABASE), users, bars)
        if keep:
            with suppress(KeyboardInterrupt):
                present(results, output_format, server)
                while True:
                    signal.pause()
    if not keep:
        present(results, output_format)
    require_right(results)
    require_none(results.verification)


def run(dsn: str, users: int, bars: Bars) -> Results:
    """Deploy, play everything, judge it, and prove the ledger."""
    from pgcredits import deploy
    from pgcredits.demo import ada, stage
    from pgcredits.demo.results import read_results
    from pgcredits.verify import verify

    bars.scene("pgcredits migrate")
    deploy.migrate(dsn)
    bars.scene("three months of one user")
    user_id = ada.live(dsn)
    play = stage.play(dsn, users, bars)
    bars.scene("verify_ledger")
    return read_results(dsn, users=users, play=play, user_id=user_id, verification=verify(dsn))


def require_right(results: Results) -> None:
    """End the command with its exit status if a net price is wrong.

    Raises:
        LedgerViolationError: There are.
    """
    if results.wrong:
        raise LedgerViolationError(
            f"{len(results.wrong)} of {len(results.play.orders)} generations did not end as they "
            "should",
            "The table of wrong ones names them: ask explain_charge in a demo with --keep.",
        )


def present(results: Results, output_format: Format, kept: Server | None = None) -> None:
    """Print what happened, and how to look around in a server that is kept."""
    from pgcredits.demo import tables

    if output_format is Format.JSON:
        access = {"dsn": kept.dsn(DATABASE), "psql": kept.psql_command(DATABASE)} if kept else None
        typer.echo(json.dumps({**results.as_json(), "server": access}, indent=2))
        return
    tables.show(out, results)
    if results.verification.total:
        show(results.verification)
    if kept is None:
        out.print(
            "the server is gone; pgcredits demo --keep leaves it running",
            soft_wrap=False,
            highlight=False,
        )
        return
    for line in (
        "",
        "look around:",
        # In one piece, to be copied.
        f"  {kept.psql_command(DATABASE)}",
        "    select status, error_type, count(*) from credits.generations group by 1, 2;",
        "    select * from credits_monitoring.user_statement limit 20;",
        "    select * from credits.verify_ledger();",
        "Ctrl-C ends the server, and nothing is left of it",
    ):
        out.print(line, markup=False, highlight=False)


class Bars:
    """Progress bars on stderr, where that is a terminal: one for each scene."""

    def __init__(self) -> None:
        """Nothing has begun."""
        self._progress = Progress(
            SpinnerColumn(finished_text="+"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._current: TaskID | None = None

    def __enter__(self) -> Self:
        """Show them."""
        self._progress.start()
        return self

    def __exit__(self, error: object, *_: object) -> None:
        """The last scene is over, unless it was broken off."""
        if error is None:
            self._finish()
        self._progress.stop()

    def scene(self, title: str, steps: int | None = None) -> None:
        """The next one; without a number of steps it is one that takes a moment."""
        self._finish()
        self._current = self._progress.add_task(title, total=steps)

    def reach(self, steps: int) -> None:
        """So many steps of it are done."""
        if self._current is not None:
            self._progress.update(self._current, completed=steps)

    def _finish(self) -> None:
        if self._current is not None:
            done = next(t for t in self._progress.tasks if t.id == self._current)
            total = done.total or 1
            self._progress.update(self._current, total=total, completed=total)
