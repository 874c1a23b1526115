"""What each provider's work cost in each month."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.paid_generations import buyer, lines, paid
from objects.views.small_histories import START
from objects.views.timed_generations import DAY, MINUTE
from support.clock import real_clock

if TYPE_CHECKING:
    import psycopg

MONTHLY = ("provider_costs_monthly", "month, provider")
JANUARY = date(2024, 1, 1)


def test_without_anything_finished_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    paid(conn, buyer(conn, START, (10, None)), START, None, quoted="0.5")

    assert lines(conn, *MONTHLY) == []


def test_the_days_of_a_month_are_one_row_of_each_provider(conn: psycopg.Connection[Any]) -> None:
    def one(days: int, how: str, quoted: str | None = None, **named: Any) -> None:
        user = buyer(conn, START, (10, None))
        paid(conn, user, START + days * DAY, how, quoted=quoted, **named)

    one(0, "succeeded", "0.5")
    one(1, "succeeded", "0.5", p_cost_usd=Decimal("0.2"))
    one(2, "succeeded")  # Nobody knows how much.
    one(2, "internal_error", "0.3", p_provider_billed=True)  # Absorbed.
    one(3, "internal_error", "0.4", p_provider_billed=False)
    one(3, "internal_error", "0.6")  # Billed, or not.
    one(4, "succeeded", provider="beta")
    real_clock(conn)

    half = Decimal("0.5")
    assert lines(conn, *MONTHLY) == [
        # The average of the three that are known.
        (JANUARY, "alpha", 4, 1, Decimal("0.2"), Decimal("0.333333"), half, Decimal("0.3"), 1),
        (JANUARY, "beta", 1, None, None, None, None, 0, 0),
    ]


def test_a_cost_counts_in_the_month_in_which_it_finished(conn: psycopg.Connection[Any]) -> None:
    # A leap day: from its last minute into March.
    at = START.replace(month=2, day=29, hour=23, minute=59)
    user = buyer(conn, START, (20, None))
    paid(conn, user, at, quoted="0.1", took=timedelta(seconds=59))
    paid(conn, user, at + timedelta(seconds=59), quoted="0.2", took=MINUTE)

    assert [(line[0], line[3]) for line in lines(conn, *MONTHLY)] == [
        (date(2024, 2, 1), Decimal("0.1")),
        (date(2024, 3, 1), Decimal("0.2")),
    ]
