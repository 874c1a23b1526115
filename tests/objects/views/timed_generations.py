"""Generations that end as a test wants it, when it wants it, and what a query reads of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from support.api import call, new_user
from support.attempts import Attempt, cancel, complete, fail, generation
from support.books import grant
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def begin(
    conn: psycopg.Connection[Any],
    at: datetime,
    *,
    provider: str = "alpha",
    kind: str = "image",
    price: int = 10,
    user: UUID | None = None,
    **named: Any,
) -> Attempt:
    """Start a generation at this time, by a user who can just pay it."""
    set_clock(conn, at)
    user = user or new_user()
    grant(conn, user, price)
    started = call(conn, "start_generation", user, provider, kind, price, **named)
    attempt = Attempt(user, started.generation_id, user)
    return Attempt(user, started.generation_id, generation(conn, attempt).charge_transaction_id)


def end(
    conn: psycopg.Connection[Any], attempt: Attempt, at: datetime, how: str, **named: Any
) -> None:
    """Let it succeed, fail, be cancelled or time out at this time.

    Args:
        conn: Any connection.
        attempt: Which.
        at: When.
        how: succeeded, cancelled, or the type of its error.
        named: More arguments of complete_generation or fail_generation.
    """
    set_clock(conn, at)
    if how == "succeeded":
        complete(conn, attempt, **named)
    elif how == "cancelled":
        cancel(conn, attempt)
    elif how == "timed_out":
        call(conn, "sweep_stuck_generations")
    else:
        fail(conn, attempt, how, **named)


def lived(
    conn: psycopg.Connection[Any],
    at: datetime,
    how: str = "succeeded",
    *,
    provider: str = "alpha",
    kind: str = "image",
    price: int = 10,
    user: UUID | None = None,
    took: timedelta = MINUTE,
    **named: Any,
) -> Attempt:
    """A generation that ended at this time, after so long; the clock runs again afterwards."""
    attempt = begin(
        conn, at - took, provider=provider, kind=kind, price=price, user=user, p_timeout=took
    )
    end(conn, attempt, at, how, **named)
    real_clock(conn)
    return attempt


def now(conn: psycopg.Connection[Any]) -> datetime:
    """The server's time."""
    row = conn.execute("select now() as at").fetchone()
    assert row is not None
    assert isinstance(row.at, datetime)
    return row.at


def set_zone(conn: psycopg.Connection[Any], zone: str) -> None:
    conn.execute("update credits.settings set business_time_zone = %s", (zone,))


def begins(conn: psycopg.Connection[Any], at: datetime) -> None:
    """The platform was installed then."""
    conn.execute("update credits.settings set history_starts_at = %s", (at,))


def rows_read(conn: psycopg.Connection[Any], query: str) -> dict[str, int]:
    """How many rows of each table a query reads: those that it throws away, too."""
    row = conn.execute(f"explain (analyze, format json) {query}".encode()).fetchone()
    assert row is not None
    read: dict[str, int] = {}

    def add(node: dict[str, Any]) -> None:
        table = node.get("Relation Name")
        if table is not None:
            each = sum(
                node.get(key, 0)
                for key in (
                    "Actual Rows",
                    "Rows Removed by Filter",
                    "Rows Removed by Index Recheck",
                )
            )
            read[table] = read.get(table, 0) + round(each * node["Actual Loops"])
        for child in node.get("Plans", []):
            add(child)

    add(row[0][0]["Plan"])
    return read
