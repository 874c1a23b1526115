"""generation_costs, and by month: user_costs_monthly and top_users_monthly."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from promises.attempts import refund
from support.clock import real_clock, set_clock
from views.generations import buyer, lines, paid
from views.histories import START, shown

if TYPE_CHECKING:
    import psycopg

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
MONTHLY = ("user_costs_monthly", "month, cost_rank, credits_net")
TOP = ("top_users_monthly", "month, rank")


def money(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """credits_net, revenue, cost, its source and margin of each, in the order of their starts."""
    return [
        (g.credits_net, g.revenue_usd, g.cost_usd, g.cost_source, g.margin_usd)
        for g in shown(conn, "generation_costs", "started_at, generation_id")
    ]


def test_without_anything_started_they_are_empty(conn: psycopg.Connection[Any]) -> None:
    buyer(conn, START, (10, "1"))

    assert money(conn) == lines(conn, *MONTHLY) == lines(conn, *TOP) == []


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


def test_users_are_ranked_within_the_month_of_the_start(conn: psycopg.Connection[Any]) -> None:
    ann = buyer(conn, START, (50, "0.1"))
    ben = buyer(conn, START, (50, "0.1"))
    cat = buyer(conn, START, (90, None))
    # Ann: 0.3 of a success, 0.2 absorbed; Ben: dearer, fewer credits; Cat: nothing is known.
    paid(conn, ann, START, price=20, quoted="0.3")
    lost = START + timedelta(hours=1)
    paid(conn, ann, lost, "internal_error", quoted="0.2", p_provider_billed=True)
    paid(conn, ben, START, price=10, quoted="2")
    paid(conn, cat, START, price=30)
    # From the last day of January into February.
    paid(conn, ann, START.replace(day=31), quoted="0.1", took=timedelta(days=1))
    paid(conn, ben, START.replace(month=2, day=1), price=5, quoted="0.1")

    assert lines(conn, *MONTHLY) == [
        (JANUARY, ben, 1, 10, Decimal("1.0"), Decimal(2), 0, Decimal("-1.0"), 1),
        (JANUARY, ann, 3, 30, Decimal("3.0"), Decimal("0.6"), Decimal("0.2"), Decimal("2.4"), 2),
        (JANUARY, cat, 1, 30, None, None, 0, None, 3),
        (FEBRUARY, ben, 1, 5, Decimal("0.5"), Decimal("0.1"), 0, Decimal("0.4"), 1),
    ]
    assert sorted(lines(conn, *TOP), key=lambda line: (line[0], line[5], line[2])) == [
        (JANUARY, cat, 1, 30, None, 1),
        (JANUARY, ann, 3, 30, Decimal("0.6"), 1),
        (JANUARY, ben, 1, 10, Decimal(2), 3),
        (FEBRUARY, ben, 1, 5, Decimal("0.1"), 1),
    ]
