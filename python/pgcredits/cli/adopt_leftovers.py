"""``pgcredits adopt cleanup`` and ``adopt calls``: what is left of an older system."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgcredits.adopt.errors import AdoptionError, CallsLeftError
from pgcredits.cli.adopt_options import PLAN, PlanOption, adopt, connected, the_plan
from pgcredits.cli.console import err, out, print_error_line, print_json
from pgcredits.cli.options import DsnOption, Format, FormatOption

if TYPE_CHECKING:
    from pgcredits.adopt.cleanup.cleaning import Named


@adopt.command()
def calls(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", exists=True, readable=True, help="The application's source, or one file."
        ),
    ],
    plan: PlanOption = None,
    dsn: DsnOption = "",
    output_format: FormatOption = Format.TEXT,
) -> None:
    """List where an application's source names what is moved, and what becomes of each place.

    Source is searched as text, in whatever language: SQL, supabase-js, query builders and object
    mappers (userCredits, UserCredits). It is a checklist, to which names that are put together
    while a program runs are invisible. Nothing in DIR is run or written.

    Exit status: 0 if no place is left; 27 if there are some; 3 without a connection; 24 if the
    plan cannot be read or there is no such schema.
    """
    from pgcredits.adopt.calls.names import names_of
    from pgcredits.adopt.calls.searching import search
    from pgcredits.adopt.calls.showing import as_json, show
    from pgcredits.adopt.source.catalog import read_catalog

    wanted = the_plan(plan)
    with connected(dsn) as conn:
        names = names_of(read_catalog(conn, wanted.all_schemas), wanted)
    found = search(directory, names)
    if output_format is Format.JSON:
        print_json(as_json(found))
    else:
        show(out, err, found)
    if found.left:
        raise CallsLeftError(
            f"places that name the older system: {len(found.left):,}",
            "Move them, or let adopt compat keep them working until then.",
        )


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
    plan: PlanOption = None,
    table: Annotated[
        list[str] | None,
        typer.Option("--table", help="A table that may go, with its schema; may be repeated."),
    ] = None,
    function: Annotated[
        list[str] | None,
        typer.Option("--function", help="A function that may go; may be repeated."),
    ] = None,
    schema: Annotated[list[str] | None, typer.Option("--schema", hidden=True)] = None,
    dump: Annotated[
        Path | None,
        typer.Option(
            help="Where a copy of what is removed is written before, as SQL; by default"
            " pgcredits-cleanup-safe.sql or -full.sql."
        ),
    ] = None,
) -> None:
    """Remove tables and functions that nothing uses: prepaid pools, requests to fill them.

    It looks at those that --table and --function name and the plan lists as unused, and at no
    others. Of these it says what it keeps, and why. Nothing is dropped with CASCADE. Queries that
    an application sends cannot be seen from here: how often a table was written can.

    Exit status: 0; 3 without a connection; 24 if nothing is named, or the plan cannot be read; 26
    if something else needs what was to go.
    """
    from pgcredits.adopt.cleanup import cleaning
    from pgcredits.adopt.cleanup.showing import show
    from pgcredits.output.files import write

    if schema:
        print_error_line("--schema has no effect any more: --table names a table with its schema")
    named = _named(plan, [*(table or []), *(function or [])])
    with connected(dsn) as conn:
        found = cleaning.look(conn, named)
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
            deleted = cleaning.clean_safely(conn, named, keep)
            out.print(f"rows that held nothing and are deleted: {deleted:,}")
        else:
            dropped = cleaning.clean_fully(conn, named, keep)
            out.print(f"dropped: tables {len(dropped.tables)}, functions {len(dropped.functions)}")


def _named(plan: Path | None, names: list[str]) -> Named:
    """What the options name, and what the plan lists; without options a plan has to be there."""
    from pgcredits.adopt.cleanup.cleaning import Named

    if names and plan is None and not PLAN.exists():
        return Named.of(names)
    wanted = the_plan(plan)
    return Named.of([*names, *wanted.unused], read=[part.table for part in wanted.parts])
