"""``pgcredits adopt``: move an existing credit system over."""

from __future__ import annotations

import dataclasses
import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgcredits.adopt.errors import AdoptionError, FaultsFoundError
from pgcredits.cli.adopt_options import (
    PLAN,
    OldPlanArgument,
    PlanOption,
    adopt,
    connected,
    plan_file,
    the_plan,
)
from pgcredits.cli.bars import Bars
from pgcredits.cli.console import err, out
from pgcredits.cli.options import DsnOption, Format, FormatOption
from pgcredits.printable import printable

if TYPE_CHECKING:
    from pgcredits.adopt.move.proving import Proof
    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.settle.paying import User

PAGE = Path("pgcredits-inspection.html")

SchemaOption = Annotated[
    list[str], typer.Option("--schema", help="Where the older system is; may be repeated.")
]


class InspectFormat(Enum):
    """The formats of an inspection."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


@adopt.command()
def inspect(
    dsn: DsnOption = "",
    schema: SchemaOption = ["public"],  # noqa: B006 - typer copies it
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Read the tables as this plan says."),
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

    wanted = read_plan(plan) if plan else None
    with connected(dsn) as conn:
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
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help=f"Write it there; by default {PLAN}."),
    ] = None,
    old_output: Annotated[Path | None, typer.Option("--output", hidden=True)] = None,
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

    output = plan_file(plan, old_output, "--output")
    if output.exists() and not force:
        raise AdoptionError(f"{output} exists", "Replace it with --force, or name another.")
    with connected(dsn) as conn:
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
    old_plan: OldPlanArgument = None,
    plan: PlanOption = None,
    dsn: DsnOption = "",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check everything, and say what would come; change nothing."
        ),
    ] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Move everything over by a plan; run again, it goes on where it was stopped.

    A plan that the old history contradicts, or where that is silent the old code, is refused with
    the users who show it. History is copied first, while the old system goes on. Then, in one
    transaction, the old tables are locked against writes, the balances come over, and further
    writes there are refused. Then tasks become generations; those that are owed for wait for
    `adopt settle`. In the end totals are compared, user by user.

    With --dry-run all that comes before the first write is done in one read-only transaction,
    without locks for which anybody waits.

    Exit status: 0; 3 without a connection; 24 if the plan does not fit, leaves a question open,
    or is contradicted; 26 if something is in the way, or a total differs.
    """
    wanted = the_plan(plan, old_plan)
    if dry_run:
        _rehearse(dsn, wanted, output_format)
    else:
        _move(dsn, wanted, output_format)


def _rehearse(dsn: str, wanted: Plan, output_format: Format) -> None:
    from pgcredits.adopt.move.running import rehearse
    from pgcredits.adopt.move.showing import show_rehearsal

    with connected(dsn) as conn, Bars() as bars:
        found = rehearse(conn, wanted, bars)
    if output_format is Format.JSON:
        _echo_json({"dry_run": True, **dataclasses.asdict(found)})
    else:
        show_rehearsal(out, err, found)
    _require_no_differences(found.proof)


def _move(dsn: str, wanted: Plan, output_format: Format) -> None:
    from pgcredits.adopt.move.proving import prove
    from pgcredits.adopt.move.running import run as move
    from pgcredits.adopt.move.showing import show_proof

    with connected(dsn) as conn, Bars() as bars:
        done = move(conn, wanted, bars)
        bars.scene("comparing totals")
        proof = prove(conn, wanted)
    if output_format is Format.JSON:
        _echo_json({**dataclasses.asdict(done), "proof": dataclasses.asdict(proof)})
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
    _require_no_differences(proof)
    for part in wanted.balances:
        if part.writable:
            told = f"to do: pgcredits adopt compat: until then nobody can write {part.table}"
            err.print(printable(told), markup=False, highlight=False)


def _require_no_differences(proof: Proof) -> None:
    if proof.differences:
        raise AdoptionError(
            f"{len(proof.differences)} totals differ",
            "Nothing more was done; find out why before anything is paid or dropped.",
        )


def _echo_json(document: Any) -> None:
    typer.echo(json.dumps(document, indent=2, default=str))


@adopt.command()
def compat(
    old_plan: OldPlanArgument = None,
    plan: PlanOption = None,
    dsn: DsnOption = "",
    into: Annotated[
        str, typer.Option("--into", help="The schema in which the old names are made.")
    ] = "legacy",
) -> None:
    """Make functions and views with the old names, which use pgcredits.

    They are made in a schema of their own, which old call sites find by search_path, and can only
    be read; but a table that the plan calls writable moves there, and a view in its place turns
    what is written into charges, refunds and grants. Functions
    keep their arguments and results, and the message with which they refuse. A refund that names
    no charge is matched to the newest charge of that user and amount; where there is none, an
    alert says so.

    Exit status: 0; 3 without a connection; 24 if the plan does not fit; 26 if something is in the
    way.
    """
    from pgcredits.adopt.compat.installing import install

    wanted = the_plan(plan, old_plan)
    with connected(dsn) as conn:
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
    with connected(dsn, "What was paid stays paid: run it again, into another file.") as conn:
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
        _echo_json([dataclasses.asdict(user) for user in users])
    else:
        show_users(out, users, paid=pay)
    if any(user.errors for user in users):
        raise AdoptionError("not everybody could be paid", "Look at the alerts refund_failed.")
