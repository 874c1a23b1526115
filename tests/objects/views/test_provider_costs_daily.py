"""What each provider's work cost on each day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.paid_generations import TODAY, buyer, lines, paid
from objects.views.small_histories import START
from objects.views.timed_generations import MINUTE
from support.attempts import refund
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

DAILY = ("provider_costs_daily", "day, provider")


def test_without_anything_finished_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    paid(conn, buyer(conn, START, (10, None)), START, None, quoted="0.5")

    assert lines(conn, *DAILY) == []


def test_costs_are_of_what_is_billed(conn: psycopg.Connection[Any]) -> None:
    def one(how: str, quoted: str | None = None, **named: Any) -> Any:
        return paid(conn, buyer(conn, START, (10, None)), START, how, quoted=quoted, **named)

    one("succeeded", "0.5")  # As quoted.
    one("succeeded", "0.5", p_cost_usd=Decimal("0.2"))  # As billed.
    one("succeeded")  # Billed; nobody knows how much.
    one("internal_error", "0.3", p_provider_billed=True)  # Absorbed.
    one("internal_error", "0.4", p_provider_billed=False)  # Never billed.
    one("internal_error", "0.6")  # Perhaps.
    one("cancelled", "0.7")  # Perhaps, too.
    # Two refunds of a success, one a month later: neither doubles it, nor is it absorbed.
    twice = one("succeeded", "0.1")
    set_clock(conn, START + timedelta(days=1))
    refund(conn, twice, 2)
    set_clock(conn, START + timedelta(days=40))
    refund(conn, twice, 3)
    real_clock(conn)
    one("succeeded", provider="beta")

    costs = [
        # 0.5 + 0.2 + 0.3 + 0.1 of five billed, of which four are known.
        (
            "alpha",
            5,
            Decimal("1.1"),
            Decimal("0.1"),
            Decimal("0.275"),
            Decimal("0.5"),
            Decimal("0.3"),
            2,
        ),
        ("beta", 1, None, None, None, None, 0, 0),
    ]
    assert lines(conn, *DAILY) == [(TODAY, *line) for line in costs]


def test_a_failure_that_nothing_came_back_of_is_not_absorbed(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute("update credits.refund_policies set refund_percent = 0")
    user = buyer(conn, START, (10, None))
    paid(conn, user, START, "internal_error", quoted="0.3", p_provider_billed=True)

    assert lines(conn, *DAILY) == [
        (TODAY, "alpha", 1, Decimal("0.3"), Decimal("0.3"), Decimal("0.3"), Decimal("0.3"), 0, 0)
    ]


def test_a_cost_counts_on_the_day_on_which_it_finished(conn: psycopg.Connection[Any]) -> None:
    # A leap day: from its last minute into March.
    at = START.replace(month=2, day=29, hour=23, minute=59)
    user = buyer(conn, START, (20, None))
    paid(conn, user, at, quoted="0.1", took=timedelta(seconds=59))
    paid(conn, user, at + timedelta(seconds=59), quoted="0.2", took=MINUTE)

    assert [(line[0], line[3]) for line in lines(conn, *DAILY)] == [
        (date(2024, 2, 29), Decimal("0.1")),
        (date(2024, 3, 1), Decimal("0.2")),
    ]
