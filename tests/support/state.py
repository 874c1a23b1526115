"""All that the ledger's tables hold, for assertions that nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import namedtuple_row

if TYPE_CHECKING:
    import psycopg


_TABLES = """
select c.relname as name
from pg_catalog.pg_class as c
where c.relnamespace = 'credits'::pg_catalog.regnamespace and c.relkind in ('r', 'p')
order by c.relname
"""


def rows_as_text(conn: psycopg.Connection[Any]) -> list[Any]:
    """The same as (table, row as text), in one query: quick, to see whether anything changed."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        tables: list[Any] = cursor.execute(_TABLES).fetchall()
        query = " union all ".join(
            f"select '{table.name}' as source, t::text as line from credits.{table.name} as t"
            for table in tables
        )
        return sorted(cursor.execute(query.encode()).fetchall())


def everything(conn: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """The rows of every table of schema credits, sorted, by the table's name."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        tables: list[Any] = cursor.execute(_TABLES).fetchall()
        return {
            table.name: cursor.execute(
                sql.SQL('select t.* from {} as t order by t::pg_catalog.text collate "C"').format(
                    sql.Identifier("credits", table.name)
                )
            ).fetchall()
            for table in tables
        }
