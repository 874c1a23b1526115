"""What the subcommands of ``pgcredits adopt`` share: the plan's name, and a connection."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import psycopg
import typer

from pgcredits.adopt.errors import AdoptionError
from pgcredits.cli.app import app
from pgcredits.cli.console import print_error_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.plan.model import Plan

PLAN = Path("pgcredits-adopt.toml")

adopt = typer.Typer(no_args_is_help=True)
app.add_typer(adopt, name="adopt", help="Move an existing credit system over.")

#: Every subcommand names the plan by this option.
PlanOption = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help=f"The plan's file; by default {PLAN}."),
]
#: How 0.1.0 named it.
OldPlanArgument = Annotated[Path | None, typer.Argument(metavar="PLAN", hidden=True)]


@adopt.callback()
def _adopt() -> None:
    """Move an existing credit system over: inspect, plan, calls, run, compat, settle, cleanup."""


def plan_file(plan: Path | None, old: Path | None = None, spelling: str = "PLAN alone") -> Path:
    """The plan's file, and a word to whom names it as 0.1.0 did."""
    if old is not None:
        if plan is not None:
            raise typer.BadParameter(f"{spelling} is the older way to say --plan: give one of them")
        print_error_line(f"{spelling} is the older way to name the plan: write --plan {old}")
    return plan or old or PLAN


def the_plan(plan: Path | None, old: Path | None = None) -> Plan:
    """The plan that is named, or the one by default.

    Raises:
        PlanError: It cannot be read.
    """
    from pgcredits.adopt.plan.reading import read_plan

    return read_plan(plan_file(plan, old))


@contextmanager
def connected(
    dsn: str, remedy: str = "Nothing of this step was done; run it again."
) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose errors end the command in a sentence."""
    from pgcredits.connections import connect

    with connect(dsn) as conn:
        try:
            yield conn
        except psycopg.Error as error:
            said = error.diag.message_primary or "the connection was lost"
            if isinstance(error, psycopg.errors.InsufficientPrivilege):
                remedy = "Connect as a member of the owners of the old tables."
            raise AdoptionError(
                f"the server refused: {said}",
                error.diag.message_hint or remedy,
            ) from error
