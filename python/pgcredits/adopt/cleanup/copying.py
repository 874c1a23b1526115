"""A copy of what is removed: SQL that makes it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgcredits.adopt.errors import AdoptionError
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg
    from psycopg.sql import Composable

    from pgcredits.adopt.source.catalog import Table

SQL = sql.SQL

#: Settings for making the copy, and at its head for running it: every name is printed with its
#: schema, every value in a form that any session reads, and a hidden row is an error.
PLAIN_SESSION = """set local search_path = '';
set local row_security = off;
set local check_function_bodies = off;
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local extra_float_digits = 1;"""

_COLUMN_DEFINITIONS = read_sql(__package__, "column_definitions.sql")
_CONSTRAINTS = read_sql(__package__, "constraints.sql")
_FUNCTION = "select pg_get_functiondef(%(name)s::regprocedure) as definition"
_INDEXES = read_sql(__package__, "indexes.sql")
_ROW_SECURITY = read_sql(__package__, "row_security.sql")
_ROWS = SQL("select concat_ws(', ', {values}) as row from only {table} as t where {condition}")
_SEQUENCES = read_sql(__package__, "sequences.sql")
_TRIGGERS = read_sql(__package__, "triggers.sql")
_WRITABLE_COLUMNS = read_sql(__package__, "writable_columns.sql")
#: Types of constraints, as pg_constraint has them.
_CHECKS_AND_KEYS, _REFERENCES = ["c", "p", "u", "x"], ["f"]


def copy(conn: psycopg.Connection[Any], tables: Sequence[Table], functions: Sequence[str]) -> str:
    """SQL that makes them again with their rows; not grants, policies and comments.

    The transaction has the settings of PLAIN_SESSION.
    """
    oids = [table.oid for table in tables]
    sequences = conn.execute(_SEQUENCES, {"tables": oids}).fetchall()
    serials = [row for row in sequences if row.is_serial]
    parts = [row.definition for row in serials]
    parts += [_create_table(conn, table) for table in tables]
    parts += [row.owned for row in serials]
    for table in tables:
        parts += inserts(conn, table, SQL("true"))
    parts += [row.reached for row in sequences if row.reached]
    for name in functions:
        (function,) = conn.execute(_FUNCTION, {"name": name}).fetchall()
        parts.append(function.definition.rstrip() + ";")
    for query, types in (
        (_CONSTRAINTS, _CHECKS_AND_KEYS),
        (_INDEXES, None),
        # A foreign key may need a unique index.
        (_CONSTRAINTS, _REFERENCES),
        (_TRIGGERS, None),
        (_ROW_SECURITY, None),
    ):
        statements = conn.execute(query, {"tables": oids, "types": types})
        parts += [row.definition for row in statements]
    return script(parts)


def _create_table(conn: psycopg.Connection[Any], table: Table) -> str:
    definitions = conn.execute(_COLUMN_DEFINITIONS, {"table": table.oid})
    columns = ",\n    ".join(row.definition for row in definitions)
    return f"create table {table.identifier.as_string(conn)} (\n    {columns}\n);"


def inserts(conn: psycopg.Connection[Any], table: Table, condition: Composable) -> list[str]:
    """Statements that insert the rows again for which the condition holds."""
    names = [row.name for row in conn.execute(_WRITABLE_COLUMNS, {"table": table.oid})]
    if not names:
        raise AdoptionError(f"{table} has no column that can be copied", "Drop it by hand.")
    values = SQL(", ").join(
        SQL("quote_nullable({}::text)").format(sql.Identifier("t", name)) for name in names
    )
    query = _ROWS.format(values=values, table=table.identifier, condition=condition)
    head = SQL("insert into {} ({}) overriding system value values").format(
        table.identifier, SQL(", ").join(map(sql.Identifier, names))
    )
    return [f"{head.as_string(conn)} ({row.row});" for row in conn.execute(query)]


def script(parts: Sequence[str]) -> str:
    """The statements as a file for psql."""
    head = "-- What pgcredits adopt cleanup removed. psql makes it again."
    return "\n\n".join([head, "begin;", PLAIN_SESSION, *parts, "commit;"]) + "\n"
