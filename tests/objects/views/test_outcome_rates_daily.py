from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.paid_generations import TODAY, TOMORROW, lines
from objects.views.small_histories import START
from objects.views.timed_generations import DAY, MINUTE, begin, lived, set_zone
from support.attempts import refund
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

VIEW, ORDER = "outcome_rates_daily", "day, provider, generation_type"


def test_what_did_not_finish_makes_no_row(conn: psycopg.Connection[Any]) -> None:
    begin(conn, START)
    lived(conn, START, "cancelled")

    assert lines(conn, VIEW, ORDER) == []


def test_rates_and_durations_are_of_what_finished(conn: psycopg.Connection[Any]) -> None:
    # 1, 2 and 4 minutes; a failure takes its time, too.
    twice = lived(conn, START, took=MINUTE)
    lived(conn, START, took=2 * MINUTE)
    lived(conn, START, "timed_out", took=4 * MINUTE)
    lived(conn, START, "internal_error", provider="beta")
    # Traps: in flight, cancelled, and two refunds of one.
    begin(conn, START)
    lived(conn, START, "cancelled", took=60 * MINUTE)
    set_clock(conn, START)
    refund(conn, twice, 2)
    refund(conn, twice, 3)
    real_clock(conn)

    assert lines(conn, VIEW, ORDER) == [
        # 95 % of the way is nine tenths from 120 to 240 seconds.
        (
            TODAY,
            "alpha",
            "image",
            3,
            Decimal("66.67"),
            Decimal("33.33"),
            Decimal("120.000"),
            Decimal("228.000"),
        ),
        (TODAY, "beta", "image", 1, Decimal(0), Decimal(100), Decimal(60), Decimal(60)),
    ]


def test_it_is_the_day_of_the_finish_in_the_business_time_zone(
    conn: psycopg.Connection[Any],
) -> None:
    set_zone(conn, "Asia/Kolkata")
    midnight = START.replace(hour=18, minute=30)
    lived(conn, midnight - MINUTE, took=DAY)
    lived(conn, midnight, took=MINUTE)

    assert [line[0] for line in lines(conn, VIEW, ORDER)] == [TODAY, TOMORROW]
