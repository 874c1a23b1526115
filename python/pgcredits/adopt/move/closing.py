"""Close the tables of an older system against writes, and open them again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import CloseBalances

Connection = psycopg.Connection[Any]
SQL = sql.SQL

MOST_BYTES_OF_A_NAME = 63

_TABLE_FAMILY = read_sql(__package__, "table_family.sql")
_CLOSING_TRIGGERS = read_sql(__package__, "closing_triggers.sql")


def close(conn: Connection, table: str, how: CloseBalances, columns: Iterable[str]) -> None:
    """Make the triggers that refuse further writes.

    Args:
        conn: By a role that owns the table.
        table: With its schema, quoted.
        how: What is refused.
        columns: Those with credits, which "columns" refuses to change.
    """
    for one in conn.execute(_TABLE_FAMILY, {"table": table}).fetchall():
        name = sql.Identifier(one.schema, one.name)
        if how == "table":
            _refuse_all(conn, name)
        # Row triggers of a partitioned table are made on its partitions, too.
        elif how == "columns" and not one.is_partition:
            for column in columns:
                _refuse_changes(conn, name, column)


def reopen(conn: Connection, table: str) -> None:
    """Drop the triggers that refuse writes to a table: with its schema, quoted."""
    for one in conn.execute(_TABLE_FAMILY, {"table": table}).fetchall():
        name = sql.Identifier(one.schema, one.name)
        found = conn.execute(_CLOSING_TRIGGERS, {"table": name.as_string(conn)}).fetchall()
        for trigger in found:
            conn.execute(SQL("drop trigger {} on {}").format(sql.Identifier(trigger.name), name))


def short(name: str) -> str:
    """A name that PostgreSQL does not cut off."""
    if len(name.encode()) <= MOST_BYTES_OF_A_NAME:
        return name
    return name[:20] + hashlib.sha256(name.encode()).hexdigest()[:32]


def _refuse_all(conn: Connection, table: sql.Identifier) -> None:
    for trigger, what in (
        ("pgcredits_closed", "before insert or update or delete"),
        ("pgcredits_closed_truncate", "before truncate"),
    ):
        _create_trigger(conn, table, trigger, SQL(what), SQL("for each statement"))


def _refuse_changes(conn: Connection, table: sql.Identifier, column: str) -> None:
    # After triggers see the row as the table's own before triggers have left it.
    is_news = SQL("for each row when (coalesce(new.{0}, 0) <> 0)").format(sql.Identifier(column))
    is_change = SQL("for each row when (old.{0} is distinct from new.{0})").format(
        sql.Identifier(column)
    )
    _create_trigger(conn, table, f"pgcredits_insert_{column}", SQL("after insert"), is_news)
    _create_trigger(conn, table, f"pgcredits_update_{column}", SQL("after update"), is_change)


def _create_trigger(
    conn: Connection, table: sql.Identifier, trigger: str, what: Composable, when: Composable
) -> None:
    parts = {"table": table, "trigger": sql.Identifier(short(trigger)), "what": what, "when": when}
    conn.execute(
        SQL(
            "create or replace trigger {trigger} {what} on {table} {when}"
            " execute function credits_internal.refuse_legacy_write()"
        ).format(**parts)
    )
    # An enable always trigger also fires in sessions with session_replication_role = replica.
    conn.execute(SQL("alter table {table} enable always trigger {trigger}").format(**parts))
