"""Remove what an older system never used: first a copy, then the safe part, then all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.cleanup.leftovers import Unused, unused
from pgcredits.adopt.errors import AdoptionError
from pgcredits.adopt.source.catalog import read_catalog
from pgcredits.adopt.source.vocabulary import AMOUNT_LIKE
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.sql import Composable

    from pgcredits.adopt.source.catalog import Catalog, Table

SQL = sql.SQL

#: Nobody waits behind us for longer than this.
LOCK_TIMEOUT = "2s"

#: In the transaction, and at the head of the copy: every name with its schema, every value in a
#: form that any session reads, and all rows or an error.
_PLAINLY = """set local search_path = '';
set local row_security = off;
set local check_function_bodies = off;
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local extra_float_digits = 1;"""

_FUNCTION = "select pg_get_functiondef(%s::regprocedure) as definition"
_COLUMNS = read_sql(__package__, "column_definitions.sql")
_SEQUENCES = read_sql(__package__, "sequences.sql")
_CONSTRAINTS = read_sql(__package__, "constraints.sql")
#: Types of constraints, as pg_constraint has them.
_CHECKS_AND_KEYS, _REFERENCES = ["c", "p", "u", "x"], ["f"]
_INDEXES = read_sql(__package__, "indexes.sql")
_TRIGGERS = read_sql(__package__, "triggers.sql")
_POLICED = read_sql(__package__, "row_security.sql")
_WRITABLE = read_sql(__package__, "writable_columns.sql")
_ROWS = "select concat_ws(', ', {values}) as row from only {table} as t where {condition}"
_TAKES_MORE = read_sql(__package__, "reaching_tables.sql")
#: Rows in which every amount is 0 or null.
_EMPTY = "delete from only {table} as t where {is_empty}"


@dataclass(frozen=True)
class Cleanup:
    """What can be removed.

    Attributes:
        unused: Tables and functions that nothing uses.
        rows: How many rows each of the tables has.
        empty_rows: How many of them hold nothing.
        writes: How often each table was written, as far as the server's statistics reach back.
    """

    unused: tuple[Unused, ...]
    rows: dict[str, int]
    empty_rows: dict[str, int]
    writes: dict[str, int]

    @property
    def tables(self) -> list[str]:
        """The names of the tables."""
        return [one.name for one in self.unused if one.what == "table"]

    @property
    def functions(self) -> list[str]:
        """The functions, with their arguments."""
        return [one.name for one in self.unused if one.what == "function"]


def look(conn: psycopg.Connection[Any], schemas: Sequence[str]) -> Cleanup:
    """What could be removed; nothing is.

    Raises:
        PlanError: There is no such schema.
    """
    catalog = read_catalog(conn, schemas)
    found = unused(conn, catalog)
    return Cleanup(
        unused=tuple(found),
        rows={
            one.name: _count(conn, catalog.tables_by_name[one.name], SQL("true"))
            for one in found
            if one.what == "table"
        },
        empty_rows={
            str(table): count
            for table, condition in _emptiable(conn, catalog)
            if (count := _count(conn, table, condition))
        },
        writes={
            one.name: catalog.tables_by_name[one.name].writes
            for one in found
            if one.what == "table"
        },
    )


def dump(conn: psycopg.Connection[Any], schemas: Sequence[str]) -> str:
    """SQL that makes all of it again, rows and all; not grants, policies and comments."""
    with conn.transaction():
        conn.execute(_PLAINLY)
        return _dump(conn, schemas)


def _dump(conn: psycopg.Connection[Any], schemas: Sequence[str]) -> str:
    catalog = read_catalog(conn, schemas)
    found = unused(conn, catalog)
    tables = [catalog.tables_by_name[one.name] for one in found if one.what == "table"]
    oids = [table.oid for table in tables]
    sequences = conn.execute(_SEQUENCES, {"tables": oids}).fetchall()
    serials = [row for row in sequences if row.is_serial]
    parts = [row.definition for row in serials]
    for table in tables:
        columns = ",\n    ".join(
            row.definition for row in conn.execute(_COLUMNS, {"table": table.oid})
        )
        parts.append(f"create table {table.identifier.as_string(conn)} (\n    {columns}\n);")
    parts += [row.owned for row in serials]
    for table in tables:
        parts += _inserts(conn, table, SQL("true"))
    parts += [row.reached for row in sequences if row.reached]
    parts += [
        conn.execute(_FUNCTION, [one.name]).fetchall()[0].definition.rstrip() + ";"
        for one in found
        if one.what == "function"
    ]
    for query, types in (
        (_CONSTRAINTS, _CHECKS_AND_KEYS),
        (_INDEXES, None),
        # After the indexes: a reference may lean on one.
        (_CONSTRAINTS, _REFERENCES),
        (_TRIGGERS, None),
        (_POLICED, None),
    ):
        statements = conn.execute(query, {"tables": oids, "types": types})
        parts += [row.definition for row in statements]
    return _script(parts)


def _inserts(conn: psycopg.Connection[Any], table: Table, condition: Composable) -> list[str]:
    names = [row.name for row in conn.execute(_WRITABLE, {"table": table.oid})]
    if not names:
        raise AdoptionError(f"{table} has no column that can be copied", "Drop it by hand.")
    values = SQL(", ").join(
        SQL("quote_nullable({}::text)").format(sql.Identifier("t", name)) for name in names
    )
    query = SQL(_ROWS).format(values=values, table=table.identifier, condition=condition)
    head = SQL("insert into {} ({}) overriding system value values").format(
        table.identifier, SQL(", ").join(map(sql.Identifier, names))
    )
    return [f"{head.as_string(conn)} ({row.row});" for row in conn.execute(query)]


def _script(parts: Sequence[str]) -> str:
    head = "-- What pgcredits adopt cleanup removed. psql makes it again."
    return "\n\n".join([head, "begin;", _PLAINLY, *parts, "commit;"]) + "\n"


def clean_safely(
    conn: psycopg.Connection[Any], schemas: Sequence[str], keep: Callable[[str], None]
) -> int:
    """Delete the rows that hold nothing, of tables that nothing uses.

    Args:
        conn: Of the owner of the tables, in autocommit.
        schemas: Where to look.
        keep: Is handed SQL that makes the rows again, before their end is committed.

    Returns:
        How many rows.

    Raises:
        PlanError: There is no such schema.
    """
    with conn.transaction():
        conn.execute(_PLAINLY)
        found = _emptiable(conn, read_catalog(conn, schemas))
        _lock(conn, [table for table, _ in found])
        copy = _script(
            [line for table, is_empty in found for line in _inserts(conn, table, is_empty)]
        )
        deleted = sum(
            conn.execute(SQL(_EMPTY).format(table=table.identifier, is_empty=is_empty)).rowcount
            for table, is_empty in found
        )
        keep(copy)
    return deleted


def clean_fully(
    conn: psycopg.Connection[Any], schemas: Sequence[str], keep: Callable[[str], None]
) -> Cleanup:
    """Drop the tables and functions, all or none, and nothing that is not listed.

    Args:
        conn: Of the owner of the tables, in autocommit.
        schemas: Where to look.
        keep: Is handed SQL that makes all of it again, before its end is committed.

    Raises:
        PlanError: There is no such schema.
        AdoptionError: Something else needs one of them: which.
    """
    with conn.transaction():
        conn.execute(_PLAINLY)
        catalog = read_catalog(conn, schemas)
        found = look(conn, schemas)
        tables = [catalog.tables_by_name[name] for name in found.tables]
        _lock(conn, tables)
        copy = _dump(conn, schemas)
        try:
            for name in found.functions:
                # As regprocedure prints it: quoted where it has to be.
                conn.execute(f"drop routine {name} restrict".encode())
            if tables:
                names = SQL(", ").join(table.identifier for table in tables)
                conn.execute(SQL("drop table {} restrict").format(names))
        except psycopg.errors.DependentObjectsStillExist as error:
            raise AdoptionError(
                f"something else needs them: {error.diag.message_detail}",
                "Nothing was dropped. Remove it first, or keep them.",
            ) from None
        keep(copy)
    return found


def _lock(conn: psycopg.Connection[Any], tables: Sequence[Table]) -> None:
    """What is written after the copy was made would be lost."""
    conn.execute(SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
    if tables:
        names = SQL(", ").join(table.identifier for table in tables)
        conn.execute(SQL("lock table {} in access exclusive mode").format(names))


def _emptiable(conn: psycopg.Connection[Any], catalog: Catalog) -> list[tuple[Table, Composable]]:
    """Tables that nothing uses and that hold amounts, with what an empty row is."""
    tables = [
        catalog.tables_by_name[one.name] for one in unused(conn, catalog) if one.what == "table"
    ]
    reaching = {
        row.oid
        for row in conn.execute(_TAKES_MORE, {"tables": [table.oid for table in tables]}).fetchall()
    }
    found: list[tuple[Table, Composable]] = []
    for table in tables:
        numbers = [c for c in table.columns if c.is_number and not c.key_position]
        if table.oid in reaching or not any(AMOUNT_LIKE.search(c.word) for c in numbers):
            continue
        condition = SQL(" and ").join(
            SQL("coalesce({}, 0) = 0").format(sql.Identifier("t", column.name))
            for column in numbers
        )
        found.append((table, condition))
    return found


def _count(conn: psycopg.Connection[Any], table: Table, condition: Composable) -> int:
    query = SQL("select count(*) as rows from only {} as t where {}").format(
        table.identifier, condition
    )
    (row,) = conn.execute(query).fetchall()
    return int(row.rows)
