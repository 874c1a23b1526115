"""How much of the price comes back is what refund_policies say when it fails."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from objects.generations.outcomes import said
from support.api import refused, rows
from support.attempts import (
    attach,
    callback,
    cancel,
    complete,
    fail,
    generation,
    listed,
    net,
    refunds,
    refunds_broken,
    set_policy,
    start,
)
from support.books import MOST_CREDITS, NOON, balance, no_trace
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg


@pytest.mark.parametrize(
    ("price", "percent", "back"),
    [
        (10, "0", 0),
        (10, "0.01", 1),
        (10, "10", 1),
        (10, "10.01", 2),
        (10, "33.33", 4),
        (10, "50", 5),
        (10, "99.99", 10),
        (10, "100", 10),
        (1, "0.01", 1),
        (3, "33.33", 1),
        (3, "66.67", 3),
        (7, "50", 4),
        (10_000, "33.33", 3_333),
        (10_001, "33.33", 3_334),
        (MOST_CREDITS, "33.33", 333_300_000_000),
        (MOST_CREDITS - 1, "33.33", 333_300_000_000),
        (MOST_CREDITS, "0.01", 100_000_000),
        (MOST_CREDITS, "99.99", 999_900_000_000),
        (MOST_CREDITS, "100", MOST_CREDITS),
    ],
)
def test_a_part_comes_back_rounded_in_the_users_favour(
    conn: psycopg.Connection[Any], price: int, percent: str, back: int
) -> None:
    set_policy(conn, "generation_failed", Decimal(percent))
    attempt = start(conn, price, granted=MOST_CREDITS)

    assert fail(conn, attempt, "generation_failed") == said(
        attempt, "failed", price=price, back=back, balance=MOST_CREDITS - price + back
    )

    assert generation(conn, attempt).refund_due_credits == back
    assert refunds(conn, attempt) == ([back] if back else [])
    assert listed(conn) == []


def test_each_failure_comes_back_whole_as_delivered(conn: psycopg.Connection[Any]) -> None:
    policies = conn.execute(
        "select error_type, refund_percent from credits.refund_policies order by 1"
    ).fetchall()

    assert {p.error_type for p in policies if p.refund_percent != 100} == {"user_cancelled"}
    for policy in policies:
        attempt = start(conn, task=None)
        assert fail(conn, attempt, policy.error_type) == said(attempt, "failed", back=10)


def test_what_has_no_row_goes_by_the_star(conn: psycopg.Connection[Any]) -> None:
    set_policy(conn, "*", 40)

    unheard_of, known = start(conn), start(conn)

    assert fail(conn, unheard_of, "never heard of").credits_refunded == 4
    assert fail(conn, known, "internal_error").credits_refunded == 10
    # The star itself is no kind of failure of its own.
    assert fail(conn, start(conn), "*").credits_refunded == 4


@pytest.mark.parametrize("error_type", ["never heard of", "internal_error", None])
def test_without_any_row_all_comes_back(
    conn: psycopg.Connection[Any], error_type: str | None
) -> None:
    conn.execute("delete from credits.refund_policies")

    assert fail(conn, start(conn), error_type).credits_refunded == 10
    # The seed's 0 % has gone with its row.
    assert cancel(conn, start(conn, task="t-1")).credits_refunded == 10


def test_the_deadline_goes_by_timeout(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    set_policy(conn, "timeout", Decimal("33.33"))
    attempts = [start(conn), start(conn, task="t-1")]
    advance(conn, timedelta(hours=1))

    swept = rows(conn, "sweep_stuck_generations")

    assert [row.credits for row in swept] == [4, 4]
    for attempt in attempts:
        assert generation(conn, attempt).error_type == "timeout"
        assert (refunds(conn, attempt), net(conn, attempt)) == ([4], 6)


# --- changed while generations are in flight ---


@pytest.mark.parametrize(("before", "after"), [(100, 30), (30, 100), (100, 0)])
def test_the_policy_in_force_at_the_failure_counts(
    conn: psycopg.Connection[Any], before: int, after: int
) -> None:
    set_policy(conn, "internal_error", before)
    early, late = start(conn, task="t-1"), start(conn, task="t-2")
    callback(conn, "t-1", "500")

    set_policy(conn, "internal_error", after)
    callback(conn, "t-2", "500")

    assert (sum(refunds(conn, early)), sum(refunds(conn, late))) == (before // 10, after // 10)


@pytest.mark.parametrize("percent", [0, 30, 100])
def test_what_is_settled_stays_settled(conn: psycopg.Connection[Any], percent: int) -> None:
    set_policy(conn, "internal_error", 50)
    attempt = start(conn)
    fail(conn, attempt, "internal_error")
    set_policy(conn, "internal_error", percent)

    with no_trace(conn):
        assert fail(conn, attempt, "internal_error").replayed
        assert rows(conn, "retry_failed_refunds") == []
        assert rows(conn, "settle_owed_refunds", False) == []
    assert refunds(conn, attempt) == [5]


@pytest.mark.parametrize("percent", [0, 100])
def test_a_retry_pays_what_was_due_then(conn: psycopg.Connection[Any], percent: int) -> None:
    set_policy(conn, "internal_error", 50)
    attempt = start(conn)
    with refunds_broken(conn):
        assert fail(conn, attempt, "internal_error") == said(attempt, "failed")
    set_policy(conn, "internal_error", percent)

    assert [row.credits for row in rows(conn, "retry_failed_refunds")] == [5]

    assert (refunds(conn, attempt), listed(conn)) == ([5], [])


def test_a_failure_after_a_cancellation_goes_by_the_policy_of_its_own_moment(
    conn: psycopg.Connection[Any],
) -> None:
    set_policy(conn, "user_cancelled", 30)
    attempt = start(conn, task="t-1")
    cancel(conn, attempt)
    set_policy(conn, "user_cancelled", 90)
    set_policy(conn, "internal_error", 60)

    with no_trace(conn):
        assert cancel(conn, attempt).credits_refunded == 3
    assert callback(conn, "t-1", "500").credits_refunded == 6
    assert refunds(conn, attempt) == [3, 3]


# --- user_cancelled ---


@pytest.mark.parametrize("percent", [0, 25])
@pytest.mark.parametrize("way", ["cancel", "fail"])
@pytest.mark.parametrize("submitted", [False, True])
def test_a_cancellation_counts_whole_until_the_provider_has_it(
    conn: psycopg.Connection[Any], percent: int, way: str, submitted: bool
) -> None:
    set_policy(conn, "user_cancelled", percent)
    attempt = start(conn)
    if submitted:
        attach(conn, attempt, None)

    result = cancel(conn, attempt) if way == "cancel" else fail(conn, attempt, " User_Cancelled ")

    back = (3 if percent else 0) if submitted else 10
    status = "cancelled" if way == "cancel" else "failed"
    assert result == said(attempt, status, back=back)
    assert generation(conn, attempt).error_type == "user_cancelled"
    assert balance(conn, attempt.user) == 90 + back


def test_a_callback_that_says_so_comes_after_the_submission(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute(
        "insert into credits.provider_error_codes values ('*', '499', 'failed', 'user_cancelled')"
    )
    attached, early = start(conn, task="t-1"), start(conn)

    assert callback(conn, "t-1", "499") == said(attached, "failed")
    callback(conn, "t-2", "499")
    assert attach(conn, early, "t-2") == said(early, "failed")


def test_a_failure_reported_as_cancelled_adds_nothing_to_a_cancellation(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, task="t-1")
    cancel(conn, attempt)

    with no_trace(conn):
        again = fail(conn, attempt, "user_cancelled")

    assert again == said(attempt, "cancelled", applied=False, replayed=True)


@pytest.mark.parametrize("percent", ["-0.01", "100.01", "NaN"])
def test_no_policy_gives_less_than_nothing_or_more_than_all(
    conn: psycopg.Connection[Any], percent: str
) -> None:
    with refused("23514"):
        set_policy(conn, "timeout", percent)


@pytest.mark.parametrize("error_type", ["Timeout", " timeout", ""])
def test_a_policy_that_would_never_be_found_is_refused(
    conn: psycopg.Connection[Any], error_type: str
) -> None:
    with refused("23514"):
        set_policy(conn, error_type, 10)


@pytest.mark.parametrize(
    ("provider", "code", "outcome", "error_type"),
    [
        ("NanoBanana", "1", "succeeded", None),
        ("p", " 1", "succeeded", None),
        ("p", "", "succeeded", None),
        ("p", "1", "failed", None),
        ("p", "1", "succeeded", "timeout"),
        ("p", "1", "failed", "Timeout"),
    ],
)
def test_a_code_that_would_never_be_found_or_says_two_things_is_refused(
    conn: psycopg.Connection[Any],
    provider: str,
    code: str,
    outcome: str,
    error_type: str | None,
) -> None:
    with refused("23514"):
        conn.execute(
            "insert into credits.provider_error_codes values (%s, %s, %s, %s)",
            (provider, code, outcome, error_type),
        )


def test_a_success_owes_nothing_by_any_policy(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)
    complete(conn, attempt)
    set_policy(conn, "*", 100)

    fail(conn, attempt, "odd")

    assert refunds(conn, attempt) == []
