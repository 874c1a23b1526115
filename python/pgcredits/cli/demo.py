"""``pgcredits demo``: three months of a small company in a few seconds, on a throwaway server."""

from __future__ import annotations

import json
import secrets
import signal
import time
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

if TYPE_CHECKING:
    from typing import Self

    from rich.progress import TaskID

    from pgcredits.demo.results import Results
    from pgcredits.server import Server

DATABASE = "postgres"


@app.command()
def demo(
    seed: Annotated[
        int | None, typer.Option(help="Repeat the totals of an earlier run.", show_default=False)
    ] = None,
    users: Annotated[int, typer.Option(min=1, max=10_000, help="How many there are.")] = 250,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the server running, to look around with psql.")
    ] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """See it work: installs pgcredits on a server of its own, and sells and spends credits.

    Thousands of calls: plans, purchases, promotions that expire, charges, retries, refunds,
    chargebacks and bad requests. Nothing is left behind. Exit status: 7 if the ledger does not
    prove itself.
    """
    from pgcredits.server import ephemeral_server

    if seed is None:
        seed = secrets.randbelow(10**6)
    with ExitStack() as stack:
        with Bars() as bars:
            bars.scene("a PostgreSQL server")
            server = stack.enter_context(ephemeral_server())
            results = run(server, seed, users, bars)
        if keep:
            with suppress(KeyboardInterrupt):
                present(results, output_format, server)
                while True:
                    signal.pause()
    if not keep:
        present(results, output_format)
    require_none(results.verification)


def run(server: Server, seed: int, users: int, bars: Bars) -> Results:
    """Deploy, tell the story, and prove the ledger."""
    from pgcredits import deploy
    from pgcredits.demo import story
    from pgcredits.demo.results import read_results
    from pgcredits.verify import verify

    dsn = server.dsn(DATABASE)
    bars.scene("pgcredits migrate")
    deploy.migrate(dsn)
    crowd, ada = story.invite(seed, users)
    with ExitStack() as closing:
        desk = story.Desk.open(dsn, story.CONNECTIONS, closing)
        began = time.monotonic()
        story.Teller(desk, crowd, ada, bars).tell()
        seconds = time.monotonic() - began
        tally = desk.tally()
    bars.scene("verify_ledger")
    return read_results(
        dsn,
        seed=seed,
        users=users,
        connections=story.CONNECTIONS,
        seconds=seconds,
        tally=tally,
        user_id=ada.id,
        verification=verify(dsn),
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
        "    select * from credits_monitoring.balances_by_plan;",
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

    def step(self) -> None:
        """One step of it is done."""
        if self._current is not None:
            self._progress.advance(self._current)

    def _finish(self) -> None:
        if self._current is not None:
            done = next(t for t in self._progress.tasks if t.id == self._current)
            total = done.total or 1
            self._progress.update(self._current, total=total, completed=total)
