"""How much comes back is the policy's business, and the one in force at the failure counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ledger.books import balance, grant
from promises.attempts import (
    callback,
    cancel,
    complete,
    fail,
    generation,
    refunds,
    set_policy,
    start,
    state,
)
from support.api import call, new_user, refused

if TYPE_CHECKING:
    import psycopg


@pytest.mark.parametrize(
    ("percent", "price", "back"),
    [
        ("0", 10, 0),
        ("100", 10, 10),
        ("50", 10, 5),
        # Rounding favours the user.
        ("50", 11, 6),
        ("50", 1, 1),
        ("0.01", 1, 1),
        ("33.33", 3, 1),
        ("33.34", 3, 2),
        ("99.99", 10, 10),
        ("1", 100, 1),
        ("1", 101, 2),
        ("33.33", 10**12, 333_300_000_000),
        ("33.33", 10**12 - 1, 333_300_000_000),
        ("99.99", 10**12 - 1, 999_900_000_000),
    ],
)
def test_so_much_comes_back(
    conn: psycopg.Connection[Any], percent: str, price: int, back: int
) -> None:
    set_policy(conn, "internal_error", percent)
    attempt = start(conn, price, granted=price)

    failed = fail(conn, attempt, "internal_error")

    assert (failed.credits_refunded, failed.refunded, failed.balance) == (back, back > 0, back)
    assert generation(conn, attempt).refund_due_credits == back
    assert refunds(conn, attempt) == ([back] if back else [])


def test_the_star_stands_for_what_has_no_row(conn: psycopg.Connection[Any]) -> None:
    set_policy(conn, "*", 20)
    set_policy(conn, "timeout", 40)

    assert fail(conn, start(conn, 10), "never heard of").credits_refunded == 2
    assert fail(conn, start(conn, 10), "timeout").credits_refunded == 4
    # These have a row of their own.
    assert fail(conn, start(conn, 10), "unknown").credits_refunded == 10
    assert fail(conn, start(conn, 10), None).credits_refunded == 10


def test_without_any_policy_all_comes_back(conn: psycopg.Connection[Any]) -> None:
    conn.execute("delete from credits.refund_policies")

    assert fail(conn, start(conn, 10), "timeout").credits_refunded == 10
    assert cancel(conn, start(conn, 10, task="t-1")).credits_refunded == 10


def test_the_policy_in_force_at_the_failure_counts(conn: psycopg.Connection[Any]) -> None:
    before, after = start(conn, 10, task="t-1"), start(conn, 10, task="t-2")
    callback(conn, "t-1", "500")
    set_policy(conn, "internal_error", 30)
    callback(conn, "t-2", "500")

    set_policy(conn, "internal_error", 100)
    for attempt, task in ((before, "t-1"), (after, "t-2")):
        callback(conn, task, "500")
        fail(conn, attempt, "internal_error")

    assert (state(conn, before).credits_refunded, state(conn, after).credits_refunded) == (10, 3)


def test_every_seed_gives_all_back_but_a_late_cancellation(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 1000)
    policies = conn.execute("select error_type, refund_percent from credits.refund_policies")
    seeds = {row.error_type: row.refund_percent for row in policies}
    codes = conn.execute("select distinct error_type from credits.provider_error_codes").fetchall()
    # Whatever a code means, there is a policy for it.
    assert {row.error_type for row in codes if row.error_type} <= set(seeds)
    assert seeds.pop("user_cancelled") == 0

    for error_type in seeds:
        attempt = start(conn, 10, user=user)
        call(conn, "attach_provider_task", user, attempt.generation)
        assert fail(conn, attempt, error_type).credits_refunded == 10, error_type

    assert balance(conn, user) == 1000


# --- cancellations ---


@pytest.mark.parametrize("how", [cancel, lambda c, a: fail(c, a, " User_Cancelled ")])
def test_before_the_provider_has_it_all_comes_back_however_it_is_cancelled(
    conn: psycopg.Connection[Any], how: Any
) -> None:
    attempt = start(conn, 10)

    assert how(conn, attempt).credits_refunded == 10
    assert generation(conn, attempt).error_type == "user_cancelled"


@pytest.mark.parametrize("how", [cancel, lambda c, a: fail(c, a, "user_cancelled")])
@pytest.mark.parametrize("percent", [0, 25])
def test_once_the_provider_has_it_the_policy_counts(
    conn: psycopg.Connection[Any], how: Any, percent: int
) -> None:
    set_policy(conn, "user_cancelled", percent)
    attempt = start(conn, 10, task="t-1")

    back = -(-10 * percent // 100)
    assert how(conn, attempt).credits_refunded == back
    assert state(conn, attempt).refunded == (back > 0)


# --- editing them ---


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
