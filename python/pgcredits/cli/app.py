"""The typer application, its options shared by all commands, and how errors are shown."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from pgcredits import __version__
from pgcredits.errors import PgcreditsError
from pgcredits.printable import printable

app = typer.Typer(
    name="pgcredits",
    help="Install, check and try the pgcredits ledger.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

#: Every command that talks to a database takes this option.
DsnOption = Annotated[
    str,
    typer.Option(
        "--dsn",
        envvar="PGCREDITS_DSN",
        show_envvar=True,
        help="Connection string or URI; without it libpq's own environment (PGHOST, ...) is used.",
    ),
]

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"pgcredits {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """A credits ledger inside PostgreSQL."""


def _shown(text: str) -> str:
    """Names in it may be hostile to a terminal."""
    return "\n".join(printable(line) for line in text.split("\n"))


def main() -> None:
    """Run the command line; a known error ends in a sentence, a hint and its exit status."""
    # Each module registers its commands on `app` when it is imported.
    from pgcredits.cli import commands  # noqa: F401

    try:
        app()
    except PgcreditsError as error:
        err.print(f"error: {_shown(str(error))}", style="red", markup=False, highlight=False)
        if error.hint:
            err.print(f"hint: {_shown(error.hint)}", markup=False, highlight=False)
        sys.exit(error.exit_status)
