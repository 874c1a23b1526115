"""What is true of a generation, in the words that all other views use."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from objects.views.paid_generations import buyer, paid
from objects.views.small_histories import START, shown
from objects.views.timed_generations import DAY
from support.api import call
from support.attempts import refund
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

USD = Decimal("0.4")
BILLED = Decimal("0.3")


def fact(conn: psycopg.Connection[Any]) -> Any:
    """The one generation there is."""
    (found,) = shown(conn, "generation_facts", "started_at")
    return found


def one(conn: psycopg.Connection[Any], how: str | None, **named: Any) -> Any:
    return paid(conn, buyer(conn, START, (10, None)), START, how, quoted="0.4", **named)


@pytest.mark.parametrize(
    ("how", "status", "is_finished"),
    [
        (None, "pending", False),
        ("succeeded", "succeeded", True),
        ("internal_error", "failed", True),
        ("timed_out", "timed_out", True),
        ("cancelled", "cancelled", False),
    ],
)
def test_finished_is_neither_in_flight_nor_cancelled(
    conn: psycopg.Connection[Any], how: str | None, status: str, is_finished: bool
) -> None:
    one(conn, how)

    found = fact(conn)
    assert (found.status, found.is_finished) == (status, is_finished)
    assert found.started_at == START
    assert found.duration_seconds == (None if how is None else 60)


@pytest.mark.parametrize(
    ("how", "named", "is_billed", "cost", "source"),
    [
        (None, {}, None, None, "none"),
        ("succeeded", {}, True, USD, "quoted"),
        ("succeeded", {"p_cost_usd": BILLED}, True, BILLED, "billed"),
        ("internal_error", {}, None, None, "none"),
        ("internal_error", {"p_provider_billed": True}, True, USD, "quoted"),
        (
            "internal_error",
            {"p_provider_billed": True, "p_cost_usd": BILLED},
            True,
            BILLED,
            "billed",
        ),
        ("internal_error", {"p_provider_billed": False, "p_cost_usd": BILLED}, False, 0, "none"),
        ("cancelled", {}, None, None, "none"),
    ],
)
def test_what_it_costs_is_what_is_billed_else_what_was_quoted(
    conn: psycopg.Connection[Any],
    how: str | None,
    named: dict[str, Any],
    is_billed: bool | None,
    cost: Decimal | None,
    source: str,
) -> None:
    one(conn, how, **named)

    found = fact(conn)
    assert (found.is_billed, found.cost_usd, found.cost_source) == (is_billed, cost, source)
    assert found.cost_if_billed_usd == named.get("p_cost_usd", USD)
    assert found.is_absorbed == (how == "internal_error" and is_billed is True)


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        ("internal_error", True),
        ("timed_out", True),
        ("invalid_image", False),
        ("rate_limited", False),
        ("a kind that nobody has listed", False),
        ("succeeded", False),
        ("cancelled", False),
    ],
)
def test_whose_fault_it_is_says_the_policy(
    conn: psycopg.Connection[Any], how: str, fault: bool
) -> None:
    one(conn, how)

    assert fact(conn).is_provider_fault is fault


def test_a_kind_that_nobody_has_listed_is_whose_fault_the_row_for_all_says(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute("update credits.refund_policies set fault = 'provider' where error_type = '*'")
    one(conn, "a kind that nobody has listed")
    assert fact(conn).is_provider_fault is True

    conn.execute("delete from credits.refund_policies where error_type = '*'")
    assert fact(conn).is_provider_fault is False


def test_a_lower_price_and_goodwill_are_no_refund(conn: psycopg.Connection[Any]) -> None:
    attempt = one(conn, "succeeded", p_final_credits=6)
    set_clock(conn, START + DAY)
    latest = refund(conn, attempt, 1)
    real_clock(conn)

    found = fact(conn)
    assert (found.credits_charged, found.credits_refunded, found.is_refunded) == (10, 5, False)
    assert found.last_refund_id == latest.transaction_id


def test_a_cancellation_that_came_back_is_refunded_and_absorbed_if_billed(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = one(conn, "cancelled")
    assert fact(conn).is_refunded is True
    assert fact(conn).is_absorbed is False

    call(conn, "complete_generation", attempt.user, attempt.generation, p_cost_usd=BILLED)

    assert (fact(conn).cost_usd, fact(conn).is_absorbed) == (BILLED, True)
