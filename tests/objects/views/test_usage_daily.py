from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from objects.views.paid_generations import TODAY, TOMORROW, lines
from objects.views.small_histories import START
from objects.views.timed_generations import DAY, begin, end, lived, set_zone
from support.api import new_user
from support.attempts import refund
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

ORDER = "day, provider, generation_type"


def test_without_anything_started_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert lines(conn, "usage_daily", ORDER) == []


def test_each_generation_counts_once_however_often_it_was_refunded(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    twice = lived(conn, START, user=user)
    set_clock(conn, START)
    refund(conn, twice, 2)
    # A refund of a later month belongs to the day of the start.
    set_clock(conn, START + timedelta(days=40))
    refund(conn, twice, 3)
    lived(conn, START + timedelta(days=41), "internal_error", user=user, kind="video")
    lived(conn, START, "internal_error")
    lived(conn, START, "timed_out")
    lived(conn, START, "cancelled")
    begin(conn, START)
    lived(conn, START, provider="beta", price=7)
    real_clock(conn)

    assert lines(conn, "usage_daily", ORDER) == [
        (TODAY, "alpha", "image", 5, 1, 1, 1, 1, 1, 50, 35, 5),
        (TODAY, "beta", "image", 1, 1, 0, 0, 0, 0, 7, 0, 1),
        (TODAY + timedelta(days=41), "alpha", "video", 1, 0, 1, 0, 0, 0, 10, 10, 1),
    ]


def test_a_user_of_many_generations_is_one_user(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    for _ in range(3):
        lived(conn, START, user=user)
    lived(conn, START)

    ((*_, started, _, _, _, _, _, charged, refunded, users),) = lines(conn, "usage_daily", ORDER)

    assert (started, charged, refunded, users) == (4, 40, 0, 2)


def test_it_is_the_day_of_the_start_in_the_business_time_zone(
    conn: psycopg.Connection[Any],
) -> None:
    # 18:30 UTC is midnight in Kolkata.
    set_zone(conn, "Asia/Kolkata")
    midnight = START.replace(hour=18, minute=30)
    before = begin(conn, midnight - timedelta(seconds=1), p_timeout=3 * DAY)
    begin(conn, midnight)
    end(conn, before, midnight + DAY, "succeeded")
    real_clock(conn)

    assert [(line[0], line[3], line[4]) for line in lines(conn, "usage_daily", ORDER)] == [
        (TODAY, 1, 1),
        (TOMORROW, 1, 0),
    ]
