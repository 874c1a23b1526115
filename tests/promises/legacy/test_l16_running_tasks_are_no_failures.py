"""L16: running tasks counted as failures; a "month" of 30 days; the day as the server's."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from objects.views.paid_generations import lines
from objects.views.small_histories import START, shown
from objects.views.timed_generations import DAY, begin, lived, set_zone
from support.clock import real_clock

if TYPE_CHECKING:
    import psycopg


def test_l16_a_running_task_is_no_failure(conn: psycopg.Connection[Any]) -> None:
    lived(conn, START)
    begin(conn, START)
    real_clock(conn)

    (rates,) = shown(conn, "outcome_rates_daily", "day")
    (usage,) = shown(conn, "usage_daily", "day")

    assert (rates.finished, rates.success_rate_pct, rates.failure_rate_pct) == (1, 100, 0)
    assert (usage.started, usage.failed, usage.in_flight) == (2, 0, 1)


def test_l16_a_month_is_that_of_the_calendar(conn: psycopg.Connection[Any]) -> None:
    # 31 days of January and 29 of February: no 30 days are a month.
    first = START.replace(day=1)
    for day in range(60):
        lived(conn, first + day * DAY)

    months = [date(2024, 1, 1), date(2024, 2, 1)]
    assert [(line[0], line[3]) for line in lines(conn, "active_users_monthly", "month")] == list(
        zip(months, (31, 29), strict=True)
    )
    assert [(line[0], line[2]) for line in lines(conn, "provider_costs_monthly", "month")] == list(
        zip(months, (31, 29), strict=True)
    )


def test_l16_a_day_is_the_businesss_whatever_the_sessions_is(
    conn: psycopg.Connection[Any],
) -> None:
    set_zone(conn, "America/New_York")
    # 22:00 in New York, and already the next day in UTC and in Tokyo.
    lived(conn, START.replace(hour=3))

    for session in ("UTC", "Asia/Tokyo", "America/New_York"):
        conn.execute("select set_config('timezone', %s, false)", (session,))
        for view in ("usage_daily", "active_users_daily", "outcome_rates_daily"):
            assert [line[0] for line in lines(conn, view, "day")] == [date(2024, 1, 9)]
