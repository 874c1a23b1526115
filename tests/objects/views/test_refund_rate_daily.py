from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from objects.views.small_histories import START, columns, shown
from objects.views.timed_generations import DAY, HOUR, MINUTE, begin, end, lived, set_zone
from support.api import rows
from support.attempts import complete, refund, refunds_broken
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

TODAY, TOMORROW = date(2024, 1, 10), date(2024, 1, 11)


def rates(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return [tuple(line) for line in shown(conn, "refund_rate_daily", "day, provider")]


def test_without_anything_finished_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert rates(conn) == []
    # Nor do those in flight and those that were cancelled make a row.
    begin(conn, START)
    lived(conn, START, "cancelled")
    assert rates(conn) == []


def test_the_rate_is_of_what_finished(conn: psycopg.Connection[Any]) -> None:
    for _ in range(3):
        lived(conn, START)
    lived(conn, START, "internal_error")
    lived(conn, START, "timed_out")
    lived(conn, START, "network_error", provider="beta")
    lived(conn, START + DAY, provider="beta")
    # Traps: cancelled and given back; in flight; a lower price; goodwill after a success.
    lived(conn, START, "cancelled")
    begin(conn, START)
    lived(conn, START, p_final_credits=4)
    refund(conn, lived(conn, START), 2)

    assert rates(conn) == [
        # 2 of 3 + 2 + 2.
        (TODAY, "alpha", 7, 2, Decimal("28.57"), Decimal(5), False),
        (TODAY, "beta", 1, 1, Decimal("100.00"), Decimal(5), False),
        (TOMORROW, "beta", 1, 0, Decimal("0.00"), Decimal(5), True),
    ]


def test_the_target_is_that_of_the_settings_and_is_within_itself(
    conn: psycopg.Connection[Any],
) -> None:
    for _ in range(7):
        lived(conn, START)
    lived(conn, START, "internal_error")

    for target, within in (("12.5", True), ("12.4", False), ("100", True), ("0", False)):
        conn.execute("update credits.settings set refund_rate_target_pct = %s", (target,))
        assert rates(conn) == [(TODAY, "alpha", 8, 1, Decimal("12.50"), Decimal(target), within)]


def test_what_is_rounded_is_not_what_is_judged(conn: psycopg.Connection[Any]) -> None:
    lived(conn, START)
    lived(conn, START)
    lived(conn, START, "internal_error")
    conn.execute("update credits.settings set refund_rate_target_pct = 33.33")

    ((_, _, _, _, rate, _, within),) = rates(conn)

    assert (rate, within) == (Decimal("33.33"), False)


def test_it_is_the_day_of_the_finish_whenever_the_refund_came(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = begin(conn, START - DAY, p_timeout=2 * DAY)
    with refunds_broken(conn):
        end(conn, attempt, START, "internal_error")
    assert rates(conn) == [(TODAY, "alpha", 1, 0, Decimal(0), Decimal(5), True)]

    # In parts, days and a month later.
    set_clock(conn, START + 3 * DAY)
    refund(conn, attempt, 3)
    set_clock(conn, START + 30 * DAY)
    rows(conn, "retry_failed_refunds")
    real_clock(conn)

    assert rates(conn) == [(TODAY, "alpha", 1, 1, Decimal(100), Decimal(5), False)]


def test_a_failure_that_nothing_came_back_of_is_not_refunded(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute(
        "update credits.refund_policies set refund_percent = 0 where error_type = 'invalid_image'"
    )
    lived(conn, START, "invalid_image")

    assert rates(conn) == [(TODAY, "alpha", 1, 0, Decimal(0), Decimal(5), True)]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # 23 hours.
        (datetime(2024, 3, 10, 4, 59, tzinfo=UTC), date(2024, 3, 9)),
        (datetime(2024, 3, 10, 5, 0, tzinfo=UTC), date(2024, 3, 10)),
        (datetime(2024, 3, 11, 3, 59, tzinfo=UTC), date(2024, 3, 10)),
        (datetime(2024, 3, 11, 4, 0, tzinfo=UTC), date(2024, 3, 11)),
        # 25 hours.
        (datetime(2024, 11, 3, 3, 59, tzinfo=UTC), date(2024, 11, 2)),
        (datetime(2024, 11, 3, 4, 0, tzinfo=UTC), date(2024, 11, 3)),
        (datetime(2024, 11, 4, 4, 59, tzinfo=UTC), date(2024, 11, 3)),
        (datetime(2024, 11, 4, 5, 0, tzinfo=UTC), date(2024, 11, 4)),
        # The last moment of a year.
        (datetime(2025, 1, 1, 4, 59, tzinfo=UTC), date(2024, 12, 31)),
    ],
)
def test_days_are_those_of_the_business(
    conn: psycopg.Connection[Any], moment: datetime, day: date
) -> None:
    set_zone(conn, "America/New_York")
    conn.execute("set timezone = 'Asia/Kathmandu'")

    lived(conn, moment)

    assert [line[0] for line in rates(conn)] == [day]


def test_a_late_success_leaves_the_failure_refunded(conn: psycopg.Connection[Any]) -> None:
    attempt = lived(conn, START, "timed_out")
    set_clock(conn, START + HOUR + MINUTE)
    complete(conn, attempt)
    real_clock(conn)

    assert rates(conn) == [(TODAY, "alpha", 1, 1, Decimal(100), Decimal(5), False)]


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert list(columns(conn, "refund_rate_daily")) == [
        "day",
        "provider",
        "finished",
        "refunded",
        "refund_rate_pct",
        "target_pct",
        "within_target",
    ]
