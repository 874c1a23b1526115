"""``pgcredits demo``: every way a generation can go, in a few seconds, on a throwaway server."""

from __future__ import annotations

import signal
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgcredits.cli.app import app
from pgcredits.cli.bars import Bars
from pgcredits.cli.console import out, print_json, print_line
from pgcredits.cli.options import Format, FormatOption
from pgcredits.cli.verify import require_none, show
from pgcredits.errors import LedgerViolationError

if TYPE_CHECKING:
    from pgcredits.demo.results import Results
    from pgcredits.report.model import Report
    from pgcredits.server import Server
    from pgcredits.verify import Verification

DATABASE = "postgres"


@dataclass(frozen=True)
class Month:
    """A simulated month in a database of its own, and the page about it."""

    generations: int
    report: Report
    page: Path
    verification: Verification


@app.command()
def demo(
    users: Annotated[
        int, typer.Option(min=1, max=1_000, help="How many go through all scenarios.")
    ] = 20,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the server running, to look around with psql.")
    ] = False,
    page: Annotated[
        Path | None,
        typer.Option("--report", help="A new file for the HTML report; else a temporary one."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """See it work: every way in which a paid generation can go, on a server of its own.

    A simulated provider succeeds, fails with every code, talks nonsense, calls back twice, late,
    out of order or never; the application crashes between its calls; users cancel; maintenance
    runs beside it. Each generation's net price is then judged from the ledger. At
    last it simulates a month of a platform and prints the report on it. Nothing is left behind but
    that report's HTML file.

    Exit status: 7 if a net price is wrong or a ledger does not prove itself; 22 if the report
    cannot be made or written.
    """
    from pgcredits.server import ephemeral_server

    page = new_page(page)
    with ExitStack() as stack:
        with Bars() as bars:
            bars.scene("a PostgreSQL server")
            server = stack.enter_context(ephemeral_server())
            install(server, bars)
            results = run(server.dsn(DATABASE), users, bars)
            month = run_month(server, page, bars)
        if keep:
            with suppress(KeyboardInterrupt):
                present(results, month, output_format, server)
                while True:
                    signal.pause()
    if not keep:
        present(results, month, output_format)
    require_right(results)
    require_none(results.verification)
    require_none(month.verification)


def install(server: Server, bars: Bars) -> None:
    """Deploy pgcredits, and copy the still empty database for the month."""
    from pgcredits import deploy
    from pgcredits.demo import month
    from pgcredits.demo.client import Client

    bars.scene("pgcredits migrate")
    dsn = server.dsn(DATABASE)
    deploy.migrate(dsn)
    with Client(dsn) as owner:
        copy = f"create database {month.DATABASE} template {DATABASE} strategy file_copy"
        owner.connection.execute(copy.encode())


def run(dsn: str, users: int, bars: Bars) -> Results:
    """Play all scenarios, judge the net prices, and verify the ledger."""
    from pgcredits.demo import ada, stage
    from pgcredits.demo.results import read_results
    from pgcredits.verify import verify

    bars.scene("three months of one user")
    user_id = ada.live(dsn)
    play = stage.play(dsn, users, bars)
    bars.scene("verify_ledger")
    return read_results(dsn, users=users, play=play, user_id=user_id, verification=verify(dsn))


def new_page(wanted: Path | None) -> Path:
    """The path of the report's page; no existing file is replaced.

    Raises:
        ReportError: The file exists already, or its folder does not.
    """
    from pgcredits.report import ReportError

    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="pgcredits-report-")) / "report.html"
    if wanted.exists() or not wanted.absolute().parent.is_dir():
        raise ReportError(
            f"--report {wanted} exists already, or its folder does not",
            "Name a new file in a folder that exists.",
        )
    return wanted.absolute()


def run_month(server: Server, page: Path, bars: Bars) -> Month:
    """Simulate a month in the other database, and make the report on it as an analyst would."""
    from pgcredits.demo import month
    from pgcredits.demo.client import Client
    from pgcredits.output.files import write
    from pgcredits.report import read_report
    from pgcredits.report.page import to_html
    from pgcredits.verify import verify

    bars.scene("a month of a platform")
    dsn = server.dsn(month.DATABASE)
    generations = month.live(dsn)
    bars.scene("pgcredits report")
    with Client(dsn, "credits_analyst") as analyst:
        report = read_report(analyst.connection, f"{month.DAYS}d")
    write(page, to_html(report))
    return Month(generations, report, page, verify(dsn))


def require_right(results: Results) -> None:
    """End the command with its exit status if a net price is wrong.

    Raises:
        LedgerViolationError: A net price is wrong, or the ledger has violations.
    """
    if results.wrong:
        raise LedgerViolationError(
            f"{len(results.wrong)} of {len(results.play.orders)} generations did not end as they "
            "should",
            "The table of wrong ones names them: ask explain_charge in a demo with --keep.",
        )


def present(
    results: Results, month: Month, output_format: Format, kept: Server | None = None
) -> None:
    """Print what happened, and how to look around in a server that is kept."""
    from pgcredits.demo import tables
    from pgcredits.report.terminal import show as show_report

    if output_format is Format.JSON:
        print_json(_as_json(results, month, kept))
        return
    tables.show(out, results)
    if results.verification.total:
        show(results.verification)
    out.print()
    _print_wrapped(
        f"a month of a platform: {month.generations:,} generations; verify_ledger: "
        f"{month.verification.sentence()}"
    )
    show_report(out, month.report, compact=True)
    # The path is printed without line breaks, so that it can be copied.
    print_line(f"report: {month.page}")
    if month.verification.total:
        show(month.verification)
    if kept is None:
        _print_wrapped("the server is gone; pgcredits demo --keep leaves it running")
        return
    for line in (
        "",
        "look around:",
        # The command is printed without line breaks, so that it can be copied.
        f"  {kept.psql_command(DATABASE)}",
        "    select status, error_type, count(*) from credits.generations group by 1, 2;",
        "    select * from credits_monitoring.user_statement limit 20;",
        "    select * from credits.verify_ledger();",
        "Ctrl-C ends the server, and nothing is left of it",
    ):
        print_line(line)


def _as_json(results: Results, month: Month, kept: Server | None) -> dict[str, Any]:
    """All results as a document for scripts."""
    return {
        **results.as_json(),
        "month": {
            "generations": month.generations,
            "ledger_rows": month.verification.ledger_rows,
            "violations": month.verification.total,
            "report": str(month.page),
        },
        "server": kept and {"dsn": kept.dsn(DATABASE), "psql": kept.psql_command(DATABASE)},
    }


def _print_wrapped(text: str) -> None:
    """Print a sentence, wrapped at the terminal's width."""
    out.print(text, soft_wrap=False, highlight=False)
