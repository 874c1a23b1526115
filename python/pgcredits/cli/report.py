"""``pgcredits report``: the platform's figures, on a terminal, as JSON or as a page."""

from __future__ import annotations

import io
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pgcredits.cli.app import app
from pgcredits.cli.console import out
from pgcredits.cli.options import DsnOption  # noqa: TC001 - typer reads the annotation
from pgcredits.report.period import DEFAULT

PAGE = Path("pgcredits-report.html")


class ReportFormat(Enum):
    """The formats of a report."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


@app.command()
def report(
    dsn: DsnOption = "",
    output_format: Annotated[
        ReportFormat, typer.Option("--format", help="For people, scripts, or a browser.")
    ] = ReportFormat.TEXT,
    since: Annotated[
        str, typer.Option(help="The first day (2026-01-31), or days up to today (30d).")
    ] = DEFAULT,
    output: Annotated[
        Path | None,
        typer.Option(help=f"Write to this file; HTML goes to {PAGE} by default."),
    ] = None,
) -> None:
    """Usage, cost, refunds, reliability, balances and what needs somebody now.

    It reads only views, in one read-only transaction: a member of credits_analyst may run it.
    A number of days is cut to the history; a day must be within it. The HTML file needs neither
    network nor script (pip install 'pgcredits[report]').

    Exit status: 0; 3 without a connection; 22 if the report cannot be made or written.
    """
    from pgcredits.connections import connect
    from pgcredits.output.files import write
    from pgcredits.report.document import to_json
    from pgcredits.report.page import to_html
    from pgcredits.report.reading import read_report
    from pgcredits.report.terminal import show

    with connect(dsn) as connection:
        made = read_report(connection, since)
    if output_format is ReportFormat.TEXT and output is None:
        show(out, made)
        return
    if output_format is ReportFormat.HTML:
        text, output = to_html(made), output or PAGE
    elif output_format is ReportFormat.JSON:
        text = to_json(made)
    else:
        file = io.StringIO()
        show(Console(file=file, width=80, color_system=None), made)
        text = file.getvalue()
    if output is None:
        typer.echo(text, nl=False)
        return
    write(output, text)
    typer.echo(str(output.resolve()))
