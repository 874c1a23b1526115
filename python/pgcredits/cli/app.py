"""The typer application, which the modules of the commands add their commands to."""

from __future__ import annotations

from typing import Annotated

import typer

from pgcredits import __version__
from pgcredits.cli.console import print_line

app = typer.Typer(
    name="pgcredits",
    help="Install, check and try the pgcredits ledger.",
    no_args_is_help=True,
    add_completion=False,
    # Help texts are plain: in the rich mode a word in square brackets would be lost.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"pgcredits {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """A credits ledger inside PostgreSQL."""
