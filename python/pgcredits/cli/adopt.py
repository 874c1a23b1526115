"""``pgcredits adopt``: move an existing credit system over."""

from __future__ import annotations

import dataclasses
import json
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import psycopg
import typer

from pgcredits.adopt.errors import AdoptionError, FaultsFoundError
from pgcredits.cli.app import app
from pgcredits.cli.bars import Bars
from pgcredits.cli.console import err, out
from pgcredits.cli.options import DsnOption, Format, FormatOption
from pgcredits.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.settle.paying import User

PLAN = Path("pgcredits-adopt.toml")
PAGE = Path("pgcredits-inspection.html")

adopt = typer.Typer(no_args_is_help=True)
app.add_typer(adopt, name="adopt", help="Move an existing credit system over.")

SchemaOption = Annotated[
    list[str], typer.Option("--schema", help="Where the older system is; may be repeated.")
]
PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan's TOML file.")]


class InspectFormat(Enum):
    """The formats of an inspection."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


@adopt.callback()
def _adopt() -> None:
    """Move an existing credit system over: inspect, plan, run, settle, cleanup."""


@adopt.command()
def inspect(
    dsn: DsnOption = "",
    schema: SchemaOption = ["public"],  # noqa: B006 - typer copies it
    plan_file: Annotated[
        Path | None,
        typer.Option("--plan", metavar="PLAN", help="Read the tables as this plan says."),
    ] = None,
    output_format: Annotated[
        InspectFormat, typer.Option("--format", help="For people, scripts, or a browser.")
    ] = InspectFormat.TEXT,
    output: Annotated[
        Path | None,
        typer.Option(help=f"Write to this file; HTML goes to {PAGE} by default."),
    ] = None,
) -> None:
    """Find out which tables keep credits, and what is wrong with them. Changes nothing.

    It reads the catalog, the text of functions, and the rows, in one read-only transaction.
    pgcredits need not be installed.

    Exit status: 0 if no error was found; 25 if there are; 3 without a connection; 24 if there is
    no such schema, or the plan does not fit.
    """
    from pgcredits.adopt.inspect import showing
    from pgcredits.adopt.inspect.inspection import inspect as look
    from pgcredits.adopt.plan.reading import read_plan
    from pgcredits.output.files import write

    wanted = read_plan(plan_file) if plan_file else None
    with _connected(dsn) as conn:
        found = look(conn, schema, plan=wanted)
    if output_format is InspectFormat.HTML:
        text, output = showing.to_html(found), output or PAGE
    elif output_format is InspectFormat.JSON:
        text = showing.to_json(found)
    else:
        text = ""
        showing.show(out, found)
    if output is not None:
        write(output, text)
        typer.echo(str(output.resolve()))
    elif text:
        typer.echo(text, nl=False)
    if found.errors:
        raise FaultsFoundError(
            f"errors among the faults: {found.errors}", "pgcredits adopt plan is the next step."
        )


@adopt.command()
def plan(
    dsn: DsnOption = "",
    schema: SchemaOption = ["public"],  # noqa: B006
    output: Annotated[Path, typer.Option(help="Write the plan to this file.")] = PLAN,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing plan.")] = False,
) -> None:
    """Write down how the older system would be read, for a person to change. Changes nothing else.

    Readings are tried against the old history and code. What these do not decide is asked.

    Exit status: 0; 3 without a connection; 24 if there is no such schema, or nothing to move;
    26 if the plan cannot be written.
    """
    from pgcredits.adopt.errors import PlanError
    from pgcredits.adopt.inspect.inspection import inspect as look
    from pgcredits.adopt.plan.drafting import draft
    from pgcredits.output.files import write

    if output.exists() and not force:
        raise AdoptionError(f"{output} exists", "Replace it with --force, or name another.")
    with _connected(dsn) as conn:
        found = look(conn, schema)
    for function, table in found.discovery.failing:
        err.print(
            printable(f"to do: {function} will fail, and so will writes to {table}"),
            markup=False,
            highlight=False,
        )
    for table, why in found.discovery.not_understood:
        err.print(printable(f"not understood: {table}: {why}"), markup=False, highlight=False)
    if not found.discovery.plan.balances:
        raise PlanError(
            "no table keeps credits in a way that we know",
            "Name other schemas, or write the plan by hand: the page of adopt lists its settings.",
        )
    write(output, draft(found.discovery))
    typer.echo(str(output.resolve()))
    for line in found.discovery.to_do:
        err.print(printable(f"to do: {line}"), markup=False, highlight=False)


@adopt.command()
def run(
    plan: PlanArgument = PLAN,
    dsn: DsnOption = "",
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Move everything over by a plan; run again, it goes on where it was stopped.

    A plan that the old history contradicts, or where that is silent the old code, is refused with
    the users who show it. History is copied first, while the old system goes on. Then, in one
    transaction, the old tables are locked against writes, the balances come over, and further
    writes there are refused. Then tasks become generations; those that are owed for wait for
    `adopt settle`. In the end totals are compared, user by user.

    Exit status: 0; 3 without a connection; 24 if the plan does not fit, leaves a question open,
    or is contradicted; 26 if something is in the way, or a total differs.
    """
    from pgcredits.adopt.move.proving import prove
    from pgcredits.adopt.move.running import run as move
    from pgcredits.adopt.move.showing import show_proof
    from pgcredits.adopt.plan.reading import read_plan

    wanted = read_plan(plan)
    with _connected(dsn) as conn, Bars() as bars:
        done = move(conn, wanted, bars)
        bars.scene("comparing totals")
        proof = prove(conn, wanted)
    if output_format is Format.JSON:
        typer.echo(
            json.dumps(
                {**dataclasses.asdict(done), "proof": dataclasses.asdict(proof)},
                indent=2,
                default=str,
            )
        )
    else:
        show_proof(out, err, proof)
        if done.locked_seconds is not None:
            out.print(f"the old tables were locked for {done.locked_seconds:.1f} s")
        else:
            out.print("the old tables had been closed by an earlier run")
    if done.locked_seconds is not None and proof.unexplained > wanted.accept_difference:
        raise AdoptionError(
            f"balances changed meanwhile: users differ from the old history by "
            f"{proof.unexplained:,f} credits",
            "They came over as the old tables had them: look at the users that are named.",
        )
    if proof.differences:
        raise AdoptionError(
            f"{len(proof.differences)} totals differ",
            "Nothing more was done; find out why before anything is paid or dropped.",
        )


@contextmanager
def _connected(
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


@adopt.command()
def compat(
    plan: PlanArgument = PLAN,
    dsn: DsnOption = "",
    into: Annotated[
        str, typer.Option("--into", help="The schema in which the old names are made.")
    ] = "legacy",
) -> None:
    """Make functions and read-only views with the old names, which use pgcredits.

    They are made in a schema of their own, which old call sites find by search_path. Functions
    keep their arguments and results, and the message with which they refuse. A refund that names
    no charge is matched to the newest charge of that user and amount; where there is none, an
    alert says so.

    Exit status: 0; 3 without a connection; 24 if the plan does not fit; 26 if something is in the
    way.
    """
    from pgcredits.adopt.compat.installing import install
    from pgcredits.adopt.plan.fitting import require_fit
    from pgcredits.adopt.plan.reading import read_plan

    wanted = read_plan(plan)
    with _connected(dsn) as conn:
        require_fit(conn, wanted)
        made = install(conn, wanted, into)
    for one in made:
        out.print(f"{one.name}: {one.does}", markup=False, highlight=False)


@adopt.command()
def settle(
    dsn: DsnOption = "",
    pay: Annotated[
        bool, typer.Option("--pay", help="Pay what is owed; otherwise only show it.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Write a CSV row for each user to this file, to mail from.")
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Show what users are owed, or pay it: by settle_owed_refunds, those under review, too.

    Exit status: 0; 3 without a connection; 22 if the file cannot be written (then nothing was
    paid); 26 if the file exists, or something could not be paid: it stays on the list.
    """
    from pgcredits.adopt.plan.fitting import require_installed
    from pgcredits.adopt.settle.paying import pay_owed, show_owed
    from pgcredits.adopt.settle.showing import as_csv, show_users
    from pgcredits.output.files import write

    def keep(users: list[User]) -> None:
        if output is not None:
            write(output, as_csv(users))

    def keep_paid(users: list[User]) -> None:
        if users or output is None:
            keep(users)
        else:
            # An empty file would keep the next attempt from writing there.
            output.unlink()

    if output is not None and output.exists():
        raise AdoptionError(f"{output} exists", "Keep it, and name another with --output.")
    with _connected(dsn, "What was paid stays paid: run it again, into another file.") as conn:
        require_installed(conn)
        # Write the file once before anything is paid: it must be writable.
        keep([])
        if pay:
            with Bars() as bars:
                users = pay_owed(conn, bars, keep_paid)
        else:
            users = show_owed(conn)
        keep(users)
    if output_format is Format.JSON:
        typer.echo(json.dumps([dataclasses.asdict(user) for user in users], indent=2, default=str))
    else:
        show_users(out, users, paid=pay)
    if any(user.errors for user in users):
        raise AdoptionError("not everybody could be paid", "Look at the alerts refund_failed.")


class Stage(Enum):
    """How much cleanup removes."""

    SHOW = "show"
    SAFE = "safe"
    FULL = "full"


@adopt.command()
def cleanup(
    stage: Annotated[
        Stage,
        typer.Argument(
            help="show what could go; safe: delete rows that hold nothing; full: drop all of it."
        ),
    ] = Stage.SHOW,
    dsn: DsnOption = "",
    schema: SchemaOption = ["public"],  # noqa: B006
    dump: Annotated[
        Path | None,
        typer.Option(
            help="Where a copy of what is removed is written before, as SQL; by default"
            " pgcredits-cleanup-safe.sql or -full.sql."
        ),
    ] = None,
) -> None:
    """Remove tables and functions that nothing uses: prepaid pools, requests to fill them.

    Nothing is dropped with CASCADE: what something else needs stays, and says so. Queries that an
    application sends cannot be seen from here: how often a table was written can.

    Exit status: 0; 3 without a connection; 24 if there is no such schema; 26 if something else
    needs what was to go.
    """
    from pgcredits.adopt.cleanup import cleaning
    from pgcredits.adopt.cleanup.showing import show
    from pgcredits.output.files import write

    with _connected(dsn) as conn:
        found = cleaning.look(conn, schema)
        show(out, found)
        if stage is Stage.SHOW or not found.leftovers:
            return
        dump = dump or Path(f"pgcredits-cleanup-{stage.value}.sql")
        if dump.exists():
            raise AdoptionError(f"{dump} exists", "Keep it, and name another with --dump.")

        path = dump.resolve()

        def keep(copy: str) -> None:
            write(path, copy, "--dump")
            out.print(f"a copy is in {path}", markup=False, highlight=False)

        if stage is Stage.SAFE:
            deleted = cleaning.clean_safely(conn, schema, keep)
            out.print(f"rows that held nothing and are deleted: {deleted:,}")
        else:
            dropped = cleaning.clean_fully(conn, schema, keep)
            out.print(f"dropped: tables {len(dropped.tables)}, functions {len(dropped.functions)}")
