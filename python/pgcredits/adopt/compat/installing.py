"""Make the old names in a schema of their own, so that old call sites keep working while they move.

The functions keep the arguments and results of the old ones; their bodies call pgcredits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.compat.bodies import new_body
from pgcredits.adopt.compat.own_rows import grantee, shown_to
from pgcredits.adopt.compat.views import view_queries
from pgcredits.adopt.compat.writable import Place, leave_view, put_back
from pgcredits.adopt.errors import AdoptionError
from pgcredits.adopt.move.cut_over import LOCK_TIMEOUT
from pgcredits.adopt.plan.fitting import require_fit
from pgcredits.adopt.plan.tiers import plans_of_tiers
from pgcredits.adopt.source.catalog import read_catalog
from pgcredits.adopt.source.writers import writes
from pgcredits.roles import read_roles
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Function

SQL = sql.SQL

_MADE_BY_US = "Made by pgcredits adopt compat: "
_FUNCTION = read_template(__package__, "function.sql")
_NAMES_IN_SCHEMA = read_sql(__package__, "names_in_schema.sql")
_READERS_OF_VIEW = read_sql(__package__, "readers_of_view.sql")
_UNFINISHED_TABLES = read_sql(__package__, "unfinished_tables.sql")


@dataclass(frozen=True)
class Made:
    """What was made under an old name.

    Attributes:
        name: With its schema, and the types of its arguments.
        does: What it does, in a few words.
    """

    name: str
    does: str


def install(conn: psycopg.Connection[Any], plan: Plan, schema: str) -> list[Made]:
    """Make the old names in a schema of their own, and writable views in the place of tables.

    Returns:
        What was made, and what could not be.

    Raises:
        AdoptionError: The schema is one of the older system, of pgcredits, or of somebody else;
            or not everything was moved over yet; or somebody keeps a table locked.
        PlanError: The plan does not fit.
    """
    try:
        with conn.transaction():
            # Whoever waits behind us for a table waits no longer than this.
            conn.execute(SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
            put_back(conn, plan, _MADE_BY_US)
            require_fit(conn, plan)
            return _install(conn, plan, schema)
    except psycopg.errors.LockNotAvailable:
        raise AdoptionError(
            "a table or a view is locked by a long transaction",
            "Nothing was changed; look at pg_stat_activity, and run it again.",
        ) from None


def _install(conn: psycopg.Connection[Any], plan: Plan, schema: str) -> list[Made]:
    if schema in plan.schemas or schema.startswith("credits"):
        raise AdoptionError(
            f"schema {schema} is taken", "Name another: call sites find it by search_path."
        )
    for there in conn.execute(_NAMES_IN_SCHEMA, {"schema": schema}):
        if not (there.comment or "").startswith(_MADE_BY_US):
            raise AdoptionError(
                f"schema {schema} is taken: {there.name} is not ours", "Name one of its own."
            )
    unfinished = conn.execute(
        _UNFINISHED_TABLES,
        {
            "tables": [part.table for part in plan.parts],
            "roles": [part.role for part in plan.parts],
        },
    ).fetchall()
    if unfinished:
        raise AdoptionError(
            f"{unfinished[0].source_table} has not been moved over", "First: pgcredits adopt run."
        )
    catalog = read_catalog(conn, plan.schemas)
    conn.execute(SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    conn.execute(
        SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), _application(conn))
    )
    return [
        *_functions(conn, catalog, plan, schema),
        *_views(conn, catalog, plan, schema),
        *_writable_views(conn, catalog, plan, schema),
    ]


def _functions(
    conn: psycopg.Connection[Any], catalog: Catalog, plan: Plan, schema: str
) -> list[Made]:
    made = []
    for function in catalog.functions:
        found = new_body(function, plan, catalog, schema)
        signature = f"{schema}.{function.name}({', '.join(function.argument_types)})"
        if found is None:
            # The old function writes to a closed table and so fails from now on. Some callers hide
            # errors: say that it was not made.
            if not function.triggered_by and writes(function, plan):
                made.append(Made(signature, "NOT made, write it by hand: it is not understood"))
            continue
        does, body = found
        try:
            with conn.transaction():
                _make(conn, sql.Identifier(schema, function.name), function, does, body)
        except psycopg.Error as error:
            does = f"NOT made, write it by hand: {error.diag.message_primary}"
        made.append(Made(signature, does))
    return made


def _make(
    conn: psycopg.Connection[Any], name: Composable, function: Function, does: str, body: str
) -> None:
    conn.execute(
        _FUNCTION.format(
            function=name,
            # Arguments and result as PostgreSQL prints them.
            arguments=SQL(function.arguments),
            result=SQL(function.result or "void"),
            body=sql.Literal(body),
        )
    )
    parts = {
        "function": SQL("{}({})").format(name, SQL(", ".join(function.argument_types))),
        "comment": sql.Literal(f"{_MADE_BY_US}{does}"),
        "application": _application(conn),
    }
    for statement in (
        "comment on function {function} is {comment}",
        "revoke all on function {function} from public",
        "grant execute on function {function} to {application}",
    ):
        conn.execute(SQL(statement).format(**parts))


def _application(conn: psycopg.Connection[Any]) -> sql.Identifier:
    """The role that applications are granted in this installation."""
    return sql.Identifier(read_roles(conn).in_text("credits_app"))


def _writable_views(
    conn: psycopg.Connection[Any], catalog: Catalog, plan: Plan, schema: str
) -> Iterator[Made]:
    shows = "balances of today, which may be written"
    for part in plan.balances:
        if part.writable:
            table = catalog.tables_by_name[part.table]
            place = Place(plan, part, table, schema, plans_of_tiers(conn, part))
            for one in leave_view(conn, place, read_roles(conn).in_text("credits_app")):
                conn.execute(
                    SQL("comment on {} is {}").format(one, sql.Literal(f"{_MADE_BY_US}{shows}"))
                )
            yield Made(part.table, shows)


def _views(conn: psycopg.Connection[Any], catalog: Catalog, plan: Plan, schema: str) -> list[Made]:
    made = []
    balances = {part.table for part in plan.balances}
    application = read_roles(conn).in_text("credits_app")
    for table, query, shows in view_queries(catalog, plan):
        view = sql.Identifier(schema, table.name)
        readers: list[str] = []
        selected: Composable = SQL("as {}").format(query)
        if str(table) in balances:
            selected, readers = shown_to(conn, table, query, [application, conn.info.user])
        create = SQL("create or replace view {} {}").format(view, selected)
        try:
            with conn.transaction():
                conn.execute(create)
        except psycopg.errors.InvalidTableDefinition:
            # The old table, or an earlier version of pgcredits, gave the view other columns.
            conn.execute(SQL("drop view {}").format(view))
            conn.execute(create)
        conn.execute(
            SQL("comment on view {} is {}").format(view, sql.Literal(f"{_MADE_BY_US}{shows}"))
        )
        # Whoever saw their own rows must not go on to look where all are shown now.
        for row in conn.execute(_READERS_OF_VIEW, {"view": view.as_string(conn)}).fetchall():
            conn.execute(SQL("revoke all on {} from {}").format(view, grantee(row.reader)))
        for reader in (application, *readers):
            to = {"role": grantee(reader), "schema": sql.Identifier(schema), "view": view}
            conn.execute(SQL("grant usage on schema {schema} to {role}").format(**to))
            conn.execute(SQL("grant select on {view} to {role}").format(**to))
        made.append(Made(f"{schema}.{table.name}", shows))
    return made
