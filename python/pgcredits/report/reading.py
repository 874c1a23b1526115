"""Read everything in one read-only transaction, so that the figures agree with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row, tuple_row

from pgcredits.output.errors import ReportError
from pgcredits.report.model import Report, Table
from pgcredits.report.period import days_between, first_day
from pgcredits.report.queries import DAYS, HEALTH, QUERIES, Query

if TYPE_CHECKING:
    from collections.abc import Mapping

_HINT = (
    "Is pgcredits installed there (pgcredits check), and is this role a member of credits_analyst?"
)


def read_report(connection: psycopg.Connection[Any], since: str) -> Report:
    """The report from `since` to now, as any member of credits_analyst may read it.

    Args:
        connection: In autocommit, with no transaction open.
        since: A day (2026-01-31), or a number of days to today (30d).

    Raises:
        ReportError: `since` makes no sense, or the views cannot be read.
    """
    try:
        with connection.transaction():
            # jit: the planner's estimates are far too high, and to compile takes seconds.
            connection.execute("set transaction isolation level repeatable read, read only")
            connection.execute("set local jit = off")
            return _read(connection, since)
    except psycopg.Error as error:
        reason = error.diag.message_primary or " ".join(str(error).split())
        raise ReportError(f"the views cannot be read: {reason}", _HINT) from error


def _read(connection: psycopg.Connection[Any], since: str) -> Report:
    with connection.cursor(row_factory=dict_row) as cursor:
        days = cursor.execute(DAYS).fetchone()
        health = cursor.execute(HEALTH).fetchone()
    if days is None or health is None or days["first"] is None:
        raise ReportError("the database has no history yet", _HINT)
    first, clipped = first_day(since, days["first"], days["today"])
    arguments = {"since": first}
    return Report(
        made_at=days["made_at"],
        since=first,
        today=days["today"],
        days=days_between(first, days["today"]),
        is_clipped=clipped,
        health=health,
        tables={query.key: _table(connection, query, arguments) for query in QUERIES},
    )


def _table(
    connection: psycopg.Connection[Any], query: Query, arguments: Mapping[str, Any]
) -> Table:
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query.sql.encode(), arguments).fetchall()
    # The last column of a query is how many rows there are without its limit.
    return Table(
        key=query.key,
        title=query.title,
        note=query.note,
        nothing=query.nothing,
        columns=query.columns,
        rows=tuple(row[:-1] for row in rows),
        total=rows[0][-1] if rows else 0,
    )
