"""The program: the application with all its commands, and how errors are shown."""

from __future__ import annotations

import sys

# Each of these modules adds its commands to the application when it is imported.
from pgcredits.cli import (  # noqa: F401
    adopt,
    adopt_leftovers,
    alerts,
    demo,
    deploy,
    maintain,
    monitoring,
    report,
    up,
    verify,
)
from pgcredits.cli.app import app
from pgcredits.cli.console import print_error_line
from pgcredits.errors import PgcreditsError
from pgcredits.printable import printable


def main() -> None:
    """Run the command line; a known error ends in a sentence, a hint and its exit status."""
    try:
        app()
    except PgcreditsError as error:
        print_error_line(f"error: {_printable_lines(str(error))}", style="red")
        if error.hint:
            print_error_line(f"hint: {_printable_lines(error.hint)}")
        sys.exit(error.exit_status)


def _printable_lines(text: str) -> str:
    """The text with its line breaks; names in it may be hostile to a terminal."""
    return "\n".join(printable(line) for line in text.split("\n"))
