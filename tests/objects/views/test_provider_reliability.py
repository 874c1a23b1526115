from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.small_histories import columns
from objects.views.timed_generations import DAY, HOUR, MINUTE, begin, lived, now
from support.clock import real_clock

if TYPE_CHECKING:
    import psycopg

SECOND = timedelta(seconds=1)


def reliability(conn: psycopg.Connection[Any]) -> dict[tuple[str, str], Any]:
    """By provider and window."""
    found = conn.execute("select * from credits_monitoring.provider_reliability").fetchall()
    lines = {(line.provider, line.time_window): line for line in found}
    assert len(lines) == len(found)
    return lines


def test_without_anything_finished_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert reliability(conn) == {}
    at = now(conn)
    lived(conn, at - HOUR, "cancelled")
    begin(conn, at - HOUR)
    real_clock(conn)
    # Longer ago than it looks.
    lived(conn, at - 30 * DAY - MINUTE)
    assert reliability(conn) == {}


def test_each_window_counts_what_finished_in_it(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    for age in (30 * MINUTE, 2 * HOUR, 3 * DAY, 20 * DAY):
        lived(conn, at - age)
    # By its fault, by the user's; both an hour ago and more.
    lived(conn, at - 3 * HOUR, "internal_error")
    lived(conn, at - 3 * HOUR, "invalid_image")
    # Traps.
    lived(conn, at - 30 * MINUTE, "cancelled")
    begin(conn, at - 30 * MINUTE)
    real_clock(conn)

    lines = reliability(conn)

    assert {
        window: (line.finished, line.success_rate_pct, line.provider_fault_rate_pct)
        for (_, window), line in lines.items()
    } == {
        "1h": (1, Decimal("100.00"), Decimal("0.00")),
        "24h": (4, Decimal("50.00"), Decimal("25.00")),
        "7d": (5, Decimal("60.00"), Decimal("20.00")),
        "30d": (6, Decimal("66.67"), Decimal("16.67")),
    }
    assert {line.last_success_at for line in lines.values()} == {at - 30 * MINUTE}
    assert {line.consecutive_failures for line in lines.values()} == {0}


def test_the_windows_begin_when_they_say(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    for length in (HOUR, DAY, 7 * DAY, 30 * DAY):
        lived(conn, at - length + MINUTE)
        lived(conn, at - length - MINUTE)

    assert {window: line.finished for (_, window), line in reliability(conn).items()} == {
        "1h": 1,
        "24h": 3,
        "7d": 5,
        "30d": 7,
    }


def test_each_provider_has_its_four_rows_also_without_anything_in_a_window(
    conn: psycopg.Connection[Any],
) -> None:
    at = now(conn)
    lived(conn, at - 2 * DAY, provider="beta")
    lived(conn, at - MINUTE, "internal_error")

    lines = reliability(conn)

    assert lines.keys() == {
        (provider, window)
        for provider in ("alpha", "beta")
        for window in ("1h", "24h", "7d", "30d")
    }
    for window in ("1h", "24h"):
        assert tuple(lines["beta", window]) == (
            "beta", window, 0, None, None, None, None, at - 2 * DAY, 0, None,
        )  # fmt: skip
    for window in ("7d", "30d"):
        assert tuple(lines["beta", window]) == (
            "beta", window, 1, 100, 0, 60, 60, at - 2 * DAY, 0, None,
        )  # fmt: skip
    assert tuple(lines["alpha", "1h"]) == (
        "alpha", "1h", 1, 0, 100, 60, 60, None, 1, "internal_error",
    )  # fmt: skip


def test_durations_are_from_start_to_finish(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    for n in range(1, 22):
        lived(conn, at - MINUTE, took=n * SECOND)

    line = reliability(conn)["alpha", "1h"]

    # Of 1, 2, ... 21 the 11th, and the 20th.
    assert (line.p50_duration_seconds, line.p95_duration_seconds) == (11, 20)


def test_failures_in_a_row_are_those_by_its_fault_since_it_last_succeeded(
    conn: psycopg.Connection[Any],
) -> None:
    at = now(conn)
    lived(conn, at - 6 * HOUR, "internal_error")
    lived(conn, at - 5 * HOUR)
    lived(conn, at - 4 * HOUR, "internal_error")
    lived(conn, at - 3 * HOUR, "invalid_image")
    lived(conn, at - 2 * HOUR, "timed_out")
    lived(conn, at - 2 * HOUR, provider="beta")

    lines = reliability(conn)

    assert {lines["alpha", window].consecutive_failures for window in ("1h", "30d")} == {2}
    assert lines["alpha", "1h"].last_success_at == at - 5 * HOUR
    assert lines["beta", "24h"].consecutive_failures == 0

    lived(conn, at - HOUR)
    assert reliability(conn)["alpha", "24h"].consecutive_failures == 0


def test_the_fault_is_what_the_policy_says_and_of_unknown_kinds_what_the_star_says(
    conn: psycopg.Connection[Any],
) -> None:
    lived(conn, now(conn) - MINUTE, "never heard of")
    assert reliability(conn)["alpha", "1h"].provider_fault_rate_pct == 0

    conn.execute("update credits.refund_policies set fault = 'provider' where error_type = '*'")
    assert reliability(conn)["alpha", "1h"].provider_fault_rate_pct == 100

    conn.execute(
        "insert into credits.refund_policies values ('never heard of', 100, 'user', 'theirs')"
    )
    assert reliability(conn)["alpha", "1h"].provider_fault_rate_pct == 0


def test_the_most_frequent_failure_of_each_window_is_named(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    for how in ("timeout", "network_error", "internal_error", "internal_error", "timeout"):
        lived(conn, at - 2 * HOUR, how)
    lived(conn, at - MINUTE, "storage_error")
    for _ in range(6):
        lived(conn, at - MINUTE)

    lines = reliability(conn)

    assert lines["alpha", "1h"].top_error_type == "storage_error"
    # Of two the first by name.
    assert lines["alpha", "24h"].top_error_type == "internal_error"


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert list(columns(conn, "provider_reliability")) == [
        "provider",
        "time_window",
        "finished",
        "success_rate_pct",
        "provider_fault_rate_pct",
        "p50_duration_seconds",
        "p95_duration_seconds",
        "last_success_at",
        "consecutive_failures",
        "top_error_type",
    ]
