"""Who was there on each day, and who was new."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from objects.views.paid_generations import lines
from objects.views.small_histories import START
from objects.views.timed_generations import DAY, MINUTE, begin, lived, set_zone
from support.api import new_user
from support.clock import real_clock

if TYPE_CHECKING:
    import psycopg


def test_without_anything_started_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert lines(conn, "active_users_daily", "day") == []


def test_a_user_is_new_on_the_first_day(conn: psycopg.Connection[Any]) -> None:
    ann, ben = new_user(), new_user()
    # Ann: twice on the first day, again the next; Ben: the next day; both in February.
    for user, at in (
        (ann, START),
        (ann, START + MINUTE),
        (ann, START + DAY),
        (ben, START + DAY),
        (ann, START + 30 * DAY),
        (ben, START + 30 * DAY),
    ):
        lived(conn, at, user=user)
    # Whoever only started, or cancelled, was active, too.
    begin(conn, START + 30 * DAY, price=3)
    lived(conn, START + 30 * DAY, "cancelled", price=4)
    real_clock(conn)

    assert lines(conn, "active_users_daily", "day") == [
        (date(2024, 1, 10), 1, 1, 2, 20),
        (date(2024, 1, 11), 2, 1, 2, 20),
        (date(2024, 2, 9), 4, 2, 4, 27),
    ]


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        # The last moments of a leap day, of a year, and of days of 23 and 25 hours.
        ("UTC", datetime(2024, 3, 1, tzinfo=UTC), date(2024, 3, 1)),
        ("America/New_York", datetime(2025, 1, 1, 5, tzinfo=UTC), date(2025, 1, 1)),
        ("America/New_York", datetime(2024, 3, 11, 4, tzinfo=UTC), date(2024, 3, 11)),
        ("America/New_York", datetime(2024, 11, 4, 5, tzinfo=UTC), date(2024, 11, 4)),
        ("Asia/Kolkata", datetime(2024, 1, 31, 18, 30, tzinfo=UTC), date(2024, 2, 1)),
    ],
)
def test_a_day_begins_at_midnight_of_the_business_time_zone(
    conn: psycopg.Connection[Any], zone: str, moment: datetime, day: date
) -> None:
    set_zone(conn, zone)
    user = new_user()
    begin(conn, moment - timedelta(seconds=1), user=user)
    begin(conn, moment, user=user)
    # Who begins with the day's first moment is new on it.
    begin(conn, moment)
    real_clock(conn)
    before = day - DAY

    assert lines(conn, "active_users_daily", "day") == [(before, 1, 1, 1, 10), (day, 2, 1, 2, 20)]
