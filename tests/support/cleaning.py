"""A copy of a template made as new again, where its test has changed nothing but rows.

That takes a small part of the time of dropping it and making another, and the next test's session
finds its procedures compiled. Whatever else a test changes (definitions, rights, comments,
statistics, settings of the database) writes to a catalog: the copy is not used again then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

# Tests stop the clock by replacing this function: it is put back. What that writes to the two
# catalogs is told from what else may be written there by the rows' transactions.
_CLOCK = "credits_internal.clock()"
_CATALOGS_OF_FUNCTIONS = {"pg_proc", "pg_depend"}

_TABLES = """
select
    c.oid::bigint,
    n.nspname,
    c.relname,
    array(
        select t.tgname::text
        from pg_catalog.pg_trigger as t
        where t.tgrelid = c.oid and t.tgenabled = 'A' and not t.tgisinternal
    )
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where c.relkind = 'r' and not c.relisshared and n.nspname !~ '^(pg_toast|pg_temp)'
"""

# How often rows were written, also by transactions that were rolled back.
_WRITTEN = """
select
    c.oid::bigint,
    pg_catalog.pg_stat_get_tuples_inserted(c.oid)
    + pg_catalog.pg_stat_get_tuples_updated(c.oid)
    + pg_catalog.pg_stat_get_tuples_deleted(c.oid)
from pg_catalog.pg_class as c
where c.relkind = 'r' and not c.relisshared
"""

_FUNCTIONS = """
select
    (select pg_catalog.count(*) from pg_catalog.pg_proc),
    (select pg_catalog.count(*) from pg_catalog.pg_depend),
    (
        select pg_catalog.count(*) from pg_catalog.pg_proc as p
        where p.xmin::text::bigint > {since} and p.oid <> {clock}
    ),
    (
        select pg_catalog.count(*) from pg_catalog.pg_depend as d
        where
            d.xmin::text::bigint > {since}
            and not (d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = {clock})
    )
"""

# What belongs to a database, and is not in its own catalogs, or was vacuumed in place.
_SURROUNDINGS = """
select
    d.datacl::text,
    d.datdba,
    d.datconnlimit,
    (select count(*) from pg_catalog.pg_db_role_setting as s where s.setdatabase = d.oid),
    (select count(*) from pg_catalog.pg_shdescription as s where s.objoid = d.oid),
    (select count(*) from pg_catalog.pg_prepared_xacts as p where p.database = d.datname),
    (
        select count(*) from pg_catalog.pg_class as c
        where c.reltuples >= 0 and c.relkind = 'r' and c.relnamespace <> 11
    )
from pg_catalog.pg_database as d
where d.datname = pg_catalog.current_database()
"""


@dataclass(frozen=True)
class _Table:
    """A table that is no catalog, as it is in a new copy."""

    name: sql.Identifier
    always_triggers: list[str]
    rows: bytes


class Cleaner:
    """Learns what a copy of a template is like when it is new, and makes used ones like it."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        """Learn it.

        Args:
            conn: A session of a new copy.
        """
        ((self._clock,),) = _rows(
            conn, f"select pg_catalog.to_regprocedure('{_CLOCK}')::oid::bigint"
        )
        self._real_clock = ""
        if self._clock:
            query = f"select pg_catalog.pg_get_functiondef({self._clock})"
            ((self._real_clock,),) = _rows(conn, query)
        self._functions = self._functions_since(conn, 0)[:2]
        self._surroundings = _rows(conn, _SURROUNDINGS)
        self._catalogs = {}
        self._tables = {}
        for oid, schema, name, always_triggers in _rows(conn, _TABLES):
            if schema == "pg_catalog":
                self._catalogs[oid] = name
            else:
                table = sql.Identifier(schema, name)
                self._tables[oid] = _Table(table, always_triggers, _content(conn, table))

    def clean(
        self, conn: psycopg.Connection[Any], since: int, written: Mapping[int, int]
    ) -> dict[int, int] | None:
        """Make a copy as new, and return how often its tables were written; None: it cannot be.

        Args:
            conn: The only session of the copy, in autocommit.
            since: A transaction of the server from when the copy was new.
            written: How often its tables were written until then; of a copy that is new, nothing.
        """
        changed = {n for n, times in _written(conn).items() if times != written.get(n, 0)}
        catalogs = {self._catalogs.get(oid, "") for oid in changed - self._tables.keys()}
        if catalogs - _CATALOGS_OF_FUNCTIONS or _rows(conn, _SURROUNDINGS) != self._surroundings:
            return None
        if catalogs and self._functions_since(conn, since) != (*self._functions, 0, 0):
            return None
        with conn.transaction():
            conn.execute("set local session_replication_role = replica")
            for oid in changed & self._tables.keys():
                self._restore(conn, self._tables[oid])
            if catalogs:
                conn.execute(self._real_clock.encode())
        conn.execute("discard all")
        return _written(conn)

    def _functions_since(self, conn: psycopg.Connection[Any], since: int) -> tuple[int, ...]:
        query = _FUNCTIONS.format(since=since, clock=self._clock or 0)
        (counts,) = _rows(conn, query)
        return tuple(counts)

    @staticmethod
    def _restore(conn: psycopg.Connection[Any], table: _Table) -> None:
        if table.rows:
            conn.execute(sql.SQL("delete from {}").format(table.name))
            copying = sql.SQL("copy {} from stdin").format(table.name)
            with conn.cursor() as cursor, cursor.copy(copying) as copy:
                copy.write(table.rows)
            return
        alter = sql.SQL("alter table {} {} trigger {};")
        triggers = [sql.Identifier(name) for name in table.always_triggers]
        conn.execute(
            sql.SQL("").join(
                [
                    *(alter.format(table.name, sql.SQL("disable"), name) for name in triggers),
                    sql.SQL("truncate {} cascade;").format(table.name),
                    *(alter.format(table.name, sql.SQL("enable always"), n) for n in triggers),
                ]
            )
        )


def _written(conn: psycopg.Connection[Any]) -> dict[int, int]:
    conn.execute("select pg_catalog.pg_stat_force_next_flush()")
    return dict(_rows(conn, _WRITTEN))


def _content(conn: psycopg.Connection[Any], table: sql.Identifier) -> bytes:
    copying = sql.SQL("copy {} to stdout").format(table)
    with conn.cursor() as cursor, cursor.copy(copying) as copy:
        return b"".join(copy)


def _rows(conn: psycopg.Connection[Any], query: str) -> list[Any]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query.encode()).fetchall()
