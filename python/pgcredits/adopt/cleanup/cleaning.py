"""Remove what nothing in an older system uses: copied first, then the empty rows, or all of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.cleanup.copying import PLAIN_SESSION, copy, inserts, script
from pgcredits.adopt.cleanup.leftovers import Kept, Leftover, find_leftovers
from pgcredits.adopt.errors import AdoptionError, PlanError
from pgcredits.adopt.source.catalog import read_catalog
from pgcredits.adopt.source.vocabulary import AMOUNT_LIKE
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.sql import Composable

    from pgcredits.adopt.source.catalog import Table

SQL = sql.SQL

#: How long we wait for the tables' locks, and other sessions behind us.
LOCK_TIMEOUT = "2s"

_DELETE = SQL("delete from only {table} as t where {is_empty}")
_NAME = r'("(?:[^"]|"")+"|[^.("]+)'
_CAN_READ_MOVED = read_sql(__package__, "can_read_moved.sql")
_MOVED_TABLES = read_sql(__package__, "moved_tables.sql")
_REACHING_TABLES = read_sql(__package__, "reaching_tables.sql")


@dataclass(frozen=True)
class Named:
    """What may be removed: nothing else is looked at.

    Attributes:
        names: Tables and functions, with their schemas.
        read: Tables that a plan reads: they stay.
    """

    names: tuple[str, ...]
    read: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str], read: Sequence[str] = ()) -> Named:
        """Each name once, quoted where SQL needs it or not."""
        return cls(tuple(dict.fromkeys(map(_unquoted, names))), tuple(read))

    @property
    def schemas(self) -> tuple[str, ...]:
        """Where they are."""
        return tuple(dict.fromkeys(name.split(".", 1)[0] for name in self.names))


@dataclass(frozen=True)
class Cleanup:
    """What can be removed.

    Attributes:
        leftovers: Tables and functions that nothing uses.
        kept: What was named and stays.
        row_counts: How many rows each of the tables has.
        empty_rows: How many of them hold nothing.
        writes: How often each table was written, as far as the server's statistics reach back.
    """

    leftovers: tuple[Leftover, ...]
    kept: tuple[Kept, ...]
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


def _unquoted(name: str) -> str:
    """A name as a plan has it: schema.table, without quotes."""
    found = re.fullmatch(rf"{_NAME}\.{_NAME}(?P<arguments>\(.*\))?", name.strip())
    if found is None:
        return name.strip()
    schema, bare = (
        one[1:-1].replace('""', '"') if one.startswith('"') else one for one in found.groups()[:2]
    )
    return f"{schema}.{bare}{found['arguments'] or ''}"


def look(conn: psycopg.Connection[Any], named: Named) -> Cleanup:
    """What could be removed; nothing is.

    Raises:
        PlanError: Nothing is named, or not with its schema.
    """
    return _look(conn, named)[0]


def _look(conn: psycopg.Connection[Any], named: Named) -> tuple[Cleanup, list[Table]]:
    """What could be removed, and the tables of it."""
    _require_names(named)
    catalog = read_catalog(conn, named.schemas)
    found = find_leftovers(conn, catalog, named.names, _needed(conn, named))
    tables = [catalog.tables_by_name[one.name] for one in found.leftovers if one.what == "table"]
    empty = _emptiable(conn, tables)
    return (
        Cleanup(
            leftovers=found.leftovers,
            kept=found.kept,
            row_counts={str(table): _count(conn, table, SQL("true")) for table in tables},
            empty_rows={
                str(table): count
                for table, condition in empty
                if (count := _count(conn, table, condition))
            },
            writes={str(table): table.writes for table in tables},
        ),
        tables,
    )


def _needed(conn: psycopg.Connection[Any], named: Named) -> dict[str, str]:
    """Tables that stay whatever uses them, and why."""
    needed = dict.fromkeys(named.read, "the plan reads it")
    (row,) = conn.execute(_CAN_READ_MOVED).fetchall()
    if row.can_read:
        for moved in conn.execute(_MOVED_TABLES):
            needed[moved.source_table] = "it was moved over, and is the way back"
    return needed


def _require_names(named: Named) -> None:
    if not named.names:
        raise PlanError(
            "nothing is named that could go",
            "Name it: --table public.old_pools, or unused = [...] in the plan.",
        )
    for name in named.names:
        if "." not in name.partition("(")[0]:
            raise PlanError(f"{name} has no schema", f"For example: public.{name}")


def clean_safely(conn: psycopg.Connection[Any], named: Named, keep: Callable[[str], None]) -> int:
    """Delete the rows that hold nothing, of tables that nothing uses.

    Args:
        conn: A connection of the owner of the tables, in autocommit.
        named: What is looked at.
        keep: Is handed SQL that makes the rows again, before the deletion is committed.

    Returns:
        How many rows.

    Raises:
        PlanError: Nothing is named, or not with its schema.
    """
    with conn.transaction():
        conn.execute(PLAIN_SESSION)
        found = _emptiable(conn, _look(conn, named)[1])
        _lock(conn, [table for table, _ in found])
        text = script(
            [line for table, is_empty in found for line in inserts(conn, table, is_empty)]
        )
        deleted = sum(
            conn.execute(_DELETE.format(table=table.identifier, is_empty=is_empty)).rowcount
            for table, is_empty in found
        )
        keep(text)
    return deleted


def clean_fully(
    conn: psycopg.Connection[Any], named: Named, keep: Callable[[str], None]
) -> Cleanup:
    """Drop the tables and functions, all or none, and nothing that is not listed.

    Args:
        conn: A connection of the owner of the tables, in autocommit.
        named: What is looked at.
        keep: Is handed SQL that makes all of it again, before the drop is committed.

    Raises:
        PlanError: Nothing is named, or not with its schema.
        AdoptionError: Something else needs one of them; the message names it.
    """
    with conn.transaction():
        conn.execute(PLAIN_SESSION)
        found, tables = _look(conn, named)
        _lock(conn, tables)
        text = copy(conn, tables, found.functions)
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
        keep(text)
    return found


def _lock(conn: psycopg.Connection[Any], tables: Sequence[Table]) -> None:
    """Lock the tables: a row written after the copy was made would be lost."""
    conn.execute(SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
    if tables:
        names = SQL(", ").join(table.identifier for table in tables)
        conn.execute(SQL("lock table {} in access exclusive mode").format(names))


def _emptiable(
    conn: psycopg.Connection[Any], tables: Sequence[Table]
) -> list[tuple[Table, Composable]]:
    """Those that hold amounts, with what an empty row is."""
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
