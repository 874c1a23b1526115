"""What each generation brought in, and what it cost."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.paid_generations import buyer, paid
from objects.views.small_histories import START, shown
from objects.views.timed_generations import DAY, HOUR
from support.api import new_user
from support.attempts import refund
from support.books import grant
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg


def money(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """credits_net, revenue, cost, its source and margin of each, in the order of their starts."""
    return [
        (g.credits_net, g.revenue_usd, g.cost_usd, g.cost_source, g.margin_usd)
        for g in shown(conn, "generation_costs", "started_at, generation_id")
    ]


def test_without_anything_started_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    buyer(conn, START, (10, "1"))

    assert money(conn) == []


def test_revenue_is_what_the_lots_were_sold_for(conn: psycopg.Connection[Any]) -> None:
    # 10 of the dear lot, 5 of the free one, and 5 again of the cheap one.
    user = buyer(conn, START, (10, "0.1"), (5, "0"), (20, "0.02"))

    paid(conn, user, START, price=20, quoted="0.3")
    paid(conn, user, START + timedelta(hours=1), price=10, p_cost_usd=Decimal("0.9"))

    assert money(conn) == [
        (20, Decimal("1.1"), Decimal("0.3"), "quoted", Decimal("0.8")),
        # It cost more than it brought in.
        (10, Decimal("0.2"), Decimal("0.9"), "billed", Decimal("-0.7")),
    ]


def test_what_came_back_is_no_revenue_whenever_it_came(conn: psycopg.Connection[Any]) -> None:
    user = buyer(conn, START, (40, "0.1"))
    twice = paid(conn, user, START, quoted="0.3")
    # Another's refund lies between the two of the first.
    set_clock(conn, START + timedelta(hours=1))
    refund(conn, twice, 2)
    paid(conn, user, START + timedelta(hours=2), "internal_error", p_provider_billed=False)
    set_clock(conn, START + timedelta(days=40))
    refund(conn, twice, 3)
    real_clock(conn)

    assert money(conn) == [
        (5, Decimal("0.5"), Decimal("0.3"), "quoted", Decimal("0.2")),
        (0, 0, 0, "none", 0),
    ]


def test_revenue_of_a_lot_without_a_price_is_unknown_unless_all_came_back(
    conn: psycopg.Connection[Any],
) -> None:
    user = buyer(conn, START, (10, "0.1"), (100, None))
    # Half of each.
    paid(conn, user, START, price=20, quoted="0.3")
    paid(conn, user, START + timedelta(hours=1), "internal_error", quoted="0.4")
    paid(conn, user, START + timedelta(hours=2), None, quoted="0.5")

    assert money(conn) == [
        (20, None, Decimal("0.3"), "quoted", None),
        (0, 0, None, "none", None),
        (10, None, None, "none", None),
    ]


def test_what_came_back_to_a_new_lot_came_back_at_its_price(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, START)
    grant(conn, user, 10, p_expires_at=START + HOUR, p_unit_price_usd=Decimal("0.1"))
    attempt = paid(conn, user, START)
    set_clock(conn, START + DAY)
    refund(conn, attempt, 4)
    real_clock(conn)

    lots = conn.execute("select source::text from credits.credit_lots order by created_at")
    assert [lot.source for lot in lots] == ["goodwill", "refund"]
    assert money(conn) == [(6, Decimal("0.6"), None, "none", None)]
