"""Print on the terminal: results to stdout, errors to stderr."""

from __future__ import annotations

import json
from typing import Any

import typer
from rich.console import Console

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def print_line(text: str) -> None:
    """Print to stdout in one piece, without colours; square brackets in it are only text."""
    out.print(text, markup=False, highlight=False)


def print_error_line(text: str, style: str | None = None) -> None:
    """Print to stderr as `print_line` does."""
    err.print(text, style=style, markup=False, highlight=False)


def print_json(document: Any) -> None:
    """Print a document for scripts."""
    typer.echo(json.dumps(document, indent=2))
