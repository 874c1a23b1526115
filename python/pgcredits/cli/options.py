"""Options that several commands take."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

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

RolePrefixOption = Annotated[
    str,
    typer.Option(
        "--role-prefix",
        help="What the names of the group roles begin with, such as staging_.",
    ),
]


class Format(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="For people, or for scripts.")]
