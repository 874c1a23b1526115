"""Generations that are paid from lots which a test chose, and at quoted costs."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.small_histories import shown
from objects.views.timed_generations import MINUTE, end
from support.api import call, new_user
from support.attempts import Attempt, generation
from support.books import grant
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

TODAY, TOMORROW = date(2024, 1, 10), date(2024, 1, 11)


def buyer(conn: psycopg.Connection[Any], at: datetime, *lots: tuple[int, str | None]) -> UUID:
    """A new user who was granted these credits at this price each; None = it is unknown."""
    user = new_user()
    set_clock(conn, at)
    for number, (amount, price) in enumerate(lots):
        grant(
            conn,
            user,
            amount,
            p_source="purchase",
            p_unit_price_usd=None if price is None else Decimal(price),
            p_idempotency_key=f"{user}-{number}",
        )
    real_clock(conn)
    return user


def paid(
    conn: psycopg.Connection[Any],
    user: UUID,
    at: datetime,
    how: str | None = "succeeded",
    *,
    price: int = 10,
    quoted: str | None = None,
    provider: str = "alpha",
    took: timedelta = MINUTE,
    **named: Any,
) -> Attempt:
    """A generation that the user pays with what it has; `how` = None: it is in flight."""
    set_clock(conn, at)
    started = call(
        conn,
        "start_generation",
        user,
        provider,
        "image",
        price,
        p_quoted_cost_usd=None if quoted is None else Decimal(quoted),
        p_timeout=took,
    )
    attempt = Attempt(user, started.generation_id, user)
    attempt = Attempt(user, started.generation_id, generation(conn, attempt).charge_transaction_id)
    if how is not None:
        end(conn, attempt, at + took, how, **named)
    real_clock(conn)
    return attempt


def lines(conn: psycopg.Connection[Any], view: str, order_by: str) -> list[tuple[Any, ...]]:
    """All rows of a view as tuples."""
    return [tuple(line) for line in shown(conn, view, order_by)]
