from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from objects.views.paid_generations import lines
from objects.views.timed_generations import begin, begins, now, set_zone
from support.clock import real_clock

if TYPE_CHECKING:
    import psycopg


@pytest.mark.parametrize(
    ("zone", "day", "starts_at", "hours"),
    [
        ("UTC", date(2024, 2, 29), datetime(2024, 2, 29, tzinfo=UTC), 24),
        ("America/New_York", date(2024, 3, 10), datetime(2024, 3, 10, 5, tzinfo=UTC), 23),
        ("America/New_York", date(2024, 11, 3), datetime(2024, 11, 3, 4, tzinfo=UTC), 25),
        ("Asia/Kolkata", date(2024, 1, 1), datetime(2023, 12, 31, 18, 30, tzinfo=UTC), 24),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight_of_its_zone(
    conn: psycopg.Connection[Any], zone: str, day: date, starts_at: datetime, hours: int
) -> None:
    set_zone(conn, zone)
    begins(conn, starts_at)

    # The first of them, although it begins with the history's first moment.
    assert lines(conn, "business_days", "day")[0] == (
        day,
        starts_at,
        starts_at + timedelta(hours=hours),
    )


def test_days_follow_each_other_without_a_gap_until_today(conn: psycopg.Connection[Any]) -> None:
    set_zone(conn, "America/New_York")
    begins(conn, datetime(2024, 1, 10, 12, tzinfo=UTC))
    days = lines(conn, "business_days", "day")

    assert days[0][0] == date(2024, 1, 10)
    assert all(one[2] == other[1] for one, other in pairwise(days))
    assert days[-1][1] <= now(conn) < days[-1][2]


def test_history_begins_with_a_generation_that_is_older_than_the_installation(
    conn: psycopg.Connection[Any],
) -> None:
    begins(conn, datetime(2024, 1, 10, tzinfo=UTC))
    begin(conn, datetime(2024, 1, 8, 23, tzinfo=UTC))
    real_clock(conn)

    assert lines(conn, "business_days", "day")[0][0] == date(2024, 1, 8)
