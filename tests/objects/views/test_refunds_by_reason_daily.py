from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.small_histories import ANN, BEN, START, columns, shown
from objects.views.timed_generations import DAY, HOUR, MINUTE, begin, begins, end, lived, set_zone
from support.api import rows
from support.attempts import refund, refunds_broken
from support.books import deduct, grant
from support.books import refund as refund_deduction
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

TODAY = date(2024, 1, 10)


def reasons(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return [tuple(line) for line in shown(conn, "refunds_by_reason_daily", "day, error_type")]


def test_without_refunds_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert reasons(conn) == []
    lived(conn, START)
    assert reasons(conn) == []


def test_refunds_are_counted_by_the_kind_of_failure(conn: psycopg.Connection[Any]) -> None:
    billed: dict[str, Any] = {"p_provider_billed": True}
    lived(conn, START, "timeout", user=ANN, p_cost_usd=Decimal("0.04"), **billed)
    lived(conn, START, "timeout", user=ANN, price=5, p_cost_usd=Decimal("0.02"), **billed)
    # Not billed, or nobody knows; or billed, at a cost that nobody knows.
    lived(conn, START, "timeout", user=BEN, p_cost_usd=Decimal("0.50"), p_provider_billed=False)
    lived(conn, START, "network_error", p_cost_usd=None)
    lived(conn, START, "internal_error", price=7, **billed)
    lived(conn, START + DAY, "internal_error", price=1)
    # It was not given back: no row.
    conn.execute(
        "update credits.refund_policies set refund_percent = 0 where error_type = 'invalid_image'"
    )
    lived(conn, START, "invalid_image", p_cost_usd=Decimal("9"), **billed)

    assert reasons(conn) == [
        (TODAY, "internal_error", 1, 7, 1, Decimal(0)),
        (TODAY, "network_error", 1, 10, 1, Decimal(0)),
        (TODAY, "timeout", 3, 25, 2, Decimal("0.06")),
        (TODAY + DAY, "internal_error", 1, 1, 1, Decimal(0)),
    ]


def test_the_cost_of_several_refunds_counts_once_with_the_latest(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = begin(conn, START - HOUR, user=ANN)
    with refunds_broken(conn):
        end(
            conn,
            attempt,
            START,
            "internal_error",
            p_provider_billed=True,
            p_cost_usd=Decimal("0.04"),
        )
    set_clock(conn, START + MINUTE)
    refund(conn, attempt, 2)
    set_clock(conn, START + 2 * MINUTE)
    refund(conn, attempt, 3)
    assert reasons(conn) == [(TODAY, "internal_error", 2, 5, 1, Decimal("0.04"))]

    # The rest in the next month: of the refund, not of the finish.
    set_clock(conn, datetime(2024, 2, 1, tzinfo=UTC))
    rows(conn, "retry_failed_refunds")
    real_clock(conn)

    assert reasons(conn) == [
        (TODAY, "internal_error", 2, 5, 1, Decimal(0)),
        (date(2024, 2, 1), "internal_error", 1, 5, 1, Decimal("0.04")),
    ]


def test_what_no_failure_explains_has_a_row_too(conn: psycopg.Connection[Any]) -> None:
    begins(conn, START)
    set_clock(conn, START)
    grant(conn, ANN, 100)
    refund_deduction(conn, ANN, deduct(conn, ANN, 30), 8)
    # A lower price, and goodwill, after a success: nothing is absorbed.
    lived(conn, START + HOUR, user=BEN, p_final_credits=4, p_cost_usd=Decimal("0.04"))
    succeeded = lived(conn, START + HOUR, user=BEN)
    set_clock(conn, START + 2 * HOUR)
    refund(conn, succeeded, 1)
    real_clock(conn)

    assert reasons(conn) == [(TODAY, None, 3, 8 + 6 + 1, 2, Decimal(0))]


def test_what_was_cancelled_is_there_too(conn: psycopg.Connection[Any]) -> None:
    lived(conn, START, "cancelled")

    assert reasons(conn) == [(TODAY, "user_cancelled", 1, 10, 1, Decimal(0))]


def test_all_refunds_of_the_ledger_are_in_it(conn: psycopg.Connection[Any]) -> None:
    set_zone(conn, "America/New_York")
    # The days of both ends of summer, minute by minute around midnight.
    for at in (
        datetime(2024, 3, 10, 4, 59, tzinfo=UTC),
        datetime(2024, 3, 10, 5, 0, tzinfo=UTC),
        datetime(2024, 3, 11, 4, 0, tzinfo=UTC),
        datetime(2024, 11, 3, 4, 0, tzinfo=UTC),
        datetime(2024, 11, 4, 4, 59, tzinfo=UTC),
        datetime(2024, 11, 4, 5, 0, tzinfo=UTC),
    ):
        lived(conn, at, "internal_error")

    assert [(line[0], line[2], line[3]) for line in reasons(conn)] == [
        (date(2024, 3, 9), 1, 10),
        (date(2024, 3, 10), 1, 10),
        (date(2024, 3, 11), 1, 10),
        (date(2024, 11, 3), 2, 20),
        (date(2024, 11, 4), 1, 10),
    ]


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert list(columns(conn, "refunds_by_reason_daily")) == [
        "day",
        "error_type",
        "refunds",
        "credits_refunded",
        "users",
        "absorbed_cost_usd",
    ]
