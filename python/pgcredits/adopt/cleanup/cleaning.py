"""Remove what nothing in an older system uses: copied first, then the empty rows, or all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.cleanup.copying import PLAIN_SESSION, copy_of_leftovers, inserts, script
from pgcredits.adopt.cleanup.leftovers import Leftover, find_leftovers
from pgcredits.adopt.errors import AdoptionError
from pgcredits.adopt.source.catalog import read_catalog
from pgcredits.adopt.source.vocabulary import AMOUNT_LIKE
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.sql import Composable

    from pgcredits.adopt.source.catalog import Catalog, Table

SQL = sql.SQL

#: How long we wait for the tables' locks, and other sessions behind us.
LOCK_TIMEOUT = "2s"

_DELETE = SQL("delete from only {table} as t where {is_empty}")
_REACHING_TABLES = read_sql(__package__, "reaching_tables.sql")


@dataclass(frozen=True)
class Cleanup:
    """What can be removed.

    Attributes:
        leftovers: Tables and functions that nothing uses.
        row_counts: How many rows each of the tables has.
        empty_rows: How many of them hold nothing.
        writes: How often each table was written, as far as the server's statistics reach back.
    """

    leftovers: tuple[Leftover, ...]
    row_counts: dict[str, int]
    empty_rows: dict[str, int]
    writes: dict[str, int]

    @property
    def tables(self) -> list[str]:
        """The names of the tables."""
        return [one.name for one in self.leftovers if one.what == "table"]

    @property
    def functions(self) -> list[str]:
        """The functions, with their arguments."""
        return [one.name for one in self.leftovers if one.what == "function"]


def look(conn: psycopg.Connection[Any], schemas: Sequence[str]) -> Cleanup:
    """What could be removed; nothing is.

    Raises:
        PlanError: There is no such schema.
    """
    catalog = read_catalog(conn, schemas)
    found = find_leftovers(conn, catalog)
    return Cleanup(
        leftovers=tuple(found),
        row_counts={
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


def clean_safely(
    conn: psycopg.Connection[Any], schemas: Sequence[str], keep: Callable[[str], None]
) -> int:
    """Delete the rows that hold nothing, of tables that nothing uses.

    Args:
        conn: A connection of the owner of the tables, in autocommit.
        schemas: Where to look.
        keep: Is handed SQL that makes the rows again, before the deletion is committed.

    Returns:
        How many rows.

    Raises:
        PlanError: There is no such schema.
    """
    with conn.transaction():
        conn.execute(PLAIN_SESSION)
        found = _emptiable(conn, read_catalog(conn, schemas))
        _lock(conn, [table for table, _ in found])
        copy = script(
            [line for table, is_empty in found for line in inserts(conn, table, is_empty)]
        )
        deleted = sum(
            conn.execute(_DELETE.format(table=table.identifier, is_empty=is_empty)).rowcount
            for table, is_empty in found
        )
        keep(copy)
    return deleted


def clean_fully(
    conn: psycopg.Connection[Any], schemas: Sequence[str], keep: Callable[[str], None]
) -> Cleanup:
    """Drop the tables and functions, all or none, and nothing that is not listed.

    Args:
        conn: A connection of the owner of the tables, in autocommit.
        schemas: Where to look.
        keep: Is handed SQL that makes all of it again, before the drop is committed.

    Raises:
        PlanError: There is no such schema.
        AdoptionError: Something else needs one of them; the message names it.
    """
    with conn.transaction():
        conn.execute(PLAIN_SESSION)
        catalog = read_catalog(conn, schemas)
        found = look(conn, schemas)
        tables = [catalog.tables_by_name[name] for name in found.tables]
        _lock(conn, tables)
        copy = copy_of_leftovers(conn, schemas)
        try:
            for name in found.functions:
                # The name is quoted where it has to be: regprocedure printed it.
                conn.execute(f"drop routine {name} restrict".encode())
            if tables:
                names = SQL(", ").join(table.identifier for table in tables)
                conn.execute(SQL("drop table {} restrict").format(names))
        except psycopg.errors.DependentObjectsStillExist as error:
            raise AdoptionError(
                f"something else needs them: {error.diag.message_detail}",
                "Nothing was dropped. Remove what needs them first, or keep them.",
            ) from None
        keep(copy)
    return found


def _lock(conn: psycopg.Connection[Any], tables: Sequence[Table]) -> None:
    """Lock the tables: a row written after the copy was made would be lost."""
    conn.execute(SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
    if tables:
        names = SQL(", ").join(table.identifier for table in tables)
        conn.execute(SQL("lock table {} in access exclusive mode").format(names))


def _emptiable(conn: psycopg.Connection[Any], catalog: Catalog) -> list[tuple[Table, Composable]]:
    """Tables that nothing uses and that hold amounts, with what an empty row is."""
    tables = [
        catalog.tables_by_name[one.name]
        for one in find_leftovers(conn, catalog)
        if one.what == "table"
    ]
    reaching = {
        row.oid
        for row in conn.execute(
            _REACHING_TABLES, {"tables": [table.oid for table in tables]}
        ).fetchall()
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
