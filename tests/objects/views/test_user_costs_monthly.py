"""What each user brought in and cost in each month."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.paid_generations import buyer, lines, paid
from objects.views.small_histories import START

if TYPE_CHECKING:
    import psycopg

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
MONTHLY = ("user_costs_monthly", "month, cost_rank, credits_net")


def test_without_anything_started_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    buyer(conn, START, (10, "1"))

    assert lines(conn, *MONTHLY) == []


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
        (JANUARY, ben, 1, 10, Decimal("1.0"), Decimal(2), 0, Decimal("-1.0"), 1, None),
        (
            JANUARY,
            ann,
            3,
            30,
            Decimal("3.0"),
            Decimal("0.6"),
            Decimal("0.2"),
            Decimal("2.4"),
            2,
            None,
        ),
        (JANUARY, cat, 1, 30, None, None, 0, None, 3, None),
        (FEBRUARY, ben, 1, 5, Decimal("0.5"), Decimal("0.1"), 0, Decimal("0.4"), 1, None),
    ]


def test_users_who_cost_the_same_share_a_rank(conn: psycopg.Connection[Any]) -> None:
    for price, cost in ((3, "0.3"), (4, "0.3"), (5, "0.1")):
        paid(conn, buyer(conn, START, (9, "0.1")), START, price=price, quoted=cost)

    assert [(line[3], line[8]) for line in lines(conn, *MONTHLY)] == [(3, 1), (4, 1), (5, 3)]


def test_dollars_are_summed_as_far_as_they_are_known(conn: psycopg.Connection[Any]) -> None:
    user = buyer(conn, START, (10, "0.1"), (10, None))
    paid(conn, user, START, price=10, quoted="0.3")
    # Neither its price is known nor its cost.
    paid(conn, user, START + timedelta(hours=1), price=10)

    assert lines(conn, *MONTHLY) == [
        (JANUARY, user, 2, 20, Decimal("1.0"), Decimal("0.3"), 0, Decimal("0.7"), 1, None)
    ]


def test_the_margin_is_of_those_of_which_both_are_known(conn: psycopg.Connection[Any]) -> None:
    """As the sum of generation_costs has it: no cost is held against an unknown price."""
    user = buyer(conn, START, (10, "0.1"), (20, None))
    paid(conn, user, START, price=10, quoted="0.4")
    paid(conn, user, START + timedelta(hours=1), price=20, quoted="5")

    assert lines(conn, *MONTHLY) == [
        (JANUARY, user, 2, 30, Decimal("1.0"), Decimal("5.4"), 0, Decimal("0.6"), 1, None)
    ]
    (row,) = conn.execute(
        "select sum(margin_usd) as margin from credits_monitoring.generation_costs"
    ).fetchall()
    assert row.margin == Decimal("0.6")
