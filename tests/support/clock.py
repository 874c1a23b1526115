"""Time travel: credits_internal.clock() of the test's own database, replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    import psycopg


def set_clock(conn: psycopg.Connection[Any], at: datetime) -> datetime:
    """Stop the clock at this time, for every session of the database.

    The replacement is inlined by the planner as the real clock is.
    """
    if at.tzinfo is None:
        raise ValueError("a time with its zone is needed")
    _replace(conn, sql.SQL("select {}::timestamptz").format(sql.Literal(at.isoformat())))
    return at


def advance(conn: psycopg.Connection[Any], by: timedelta) -> datetime:
    """Stop the clock this much later than it stands now; returns the new time."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("select credits_internal.clock()").fetchone()
    assert row is not None
    return set_clock(conn, row[0] + by)


def real_clock(conn: psycopg.Connection[Any]) -> None:
    """Let the clock run again."""
    _replace(conn, sql.SQL("\n    select pg_catalog.clock_timestamp()\n"))


def _replace(conn: psycopg.Connection[Any], body: sql.Composable) -> None:
    conn.execute(
        sql.SQL(
            "create or replace function credits_internal.clock() returns timestamptz"
            " language sql volatile parallel safe security invoker as {}"
        ).format(sql.Literal(body.as_string(conn)))
    )
