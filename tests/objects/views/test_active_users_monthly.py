"""Who was there in each month, and who was new."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from objects.views.paid_generations import lines
from objects.views.small_histories import START
from objects.views.timed_generations import DAY, begin, lived, set_zone
from support.api import new_user
from support.clock import real_clock

if TYPE_CHECKING:
    import psycopg


def test_without_anything_started_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert lines(conn, "active_users_monthly", "month") == []


def test_a_user_is_new_in_the_first_month(conn: psycopg.Connection[Any]) -> None:
    ann, ben = new_user(), new_user()
    # Ann on two days of January, Ben on one; both in February.
    for user, at in (
        (ann, START),
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

    assert lines(conn, "active_users_monthly", "month") == [
        (date(2024, 1, 1), 2, 2, 3, 30),
        (date(2024, 2, 1), 4, 2, 4, 27),
    ]


@pytest.mark.parametrize(
    ("zone", "moment", "month"),
    [
        # A month that ends with a leap day, one that ends a year, and one that has a day of 25
        # hours.
        ("UTC", datetime(2024, 3, 1, tzinfo=UTC), date(2024, 3, 1)),
        ("America/New_York", datetime(2025, 1, 1, 5, tzinfo=UTC), date(2025, 1, 1)),
        ("Europe/Berlin", datetime(2024, 10, 31, 23, tzinfo=UTC), date(2024, 11, 1)),
        ("Asia/Kolkata", datetime(2024, 1, 31, 18, 30, tzinfo=UTC), date(2024, 2, 1)),
    ],
)
def test_a_month_begins_at_midnight_of_the_business_time_zone(
    conn: psycopg.Connection[Any], zone: str, moment: datetime, month: date
) -> None:
    set_zone(conn, zone)
    user = new_user()
    begin(conn, moment - timedelta(seconds=1), user=user)
    begin(conn, moment, user=user)
    # Who begins with the month's first moment is new in it.
    begin(conn, moment)
    real_clock(conn)

    assert lines(conn, "active_users_monthly", "month") == [
        ((month - DAY).replace(day=1), 1, 1, 1, 10),
        (month, 2, 1, 2, 20),
    ]
