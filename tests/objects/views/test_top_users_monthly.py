"""Who spent most in each month."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.paid_generations import buyer, lines, paid
from objects.views.small_histories import START

if TYPE_CHECKING:
    import psycopg

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
TOP = ("top_users_monthly", "month, rank")


def test_without_anything_started_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    buyer(conn, START, (10, "1"))

    assert lines(conn, *TOP) == []


def test_users_are_ranked_by_what_they_spent_in_the_month_of_the_start(
    conn: psycopg.Connection[Any],
) -> None:
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

    assert sorted(lines(conn, *TOP), key=lambda line: (line[0], line[5], line[2])) == [
        (JANUARY, cat, 1, 30, None, 1, None),
        (JANUARY, ann, 3, 30, Decimal("0.6"), 1, None),
        (JANUARY, ben, 1, 10, Decimal(2), 3, None),
        (FEBRUARY, ben, 1, 5, Decimal("0.1"), 1, None),
    ]
