from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from objects.generations.outcomes import (
    LONG,
    bill,
    raised,
    refuses_what_is_no_generation_of_the_user,
    said,
)
from support.api import call, new_user, rows
from support.attempts import (
    alerts,
    cancel,
    complete,
    events,
    fail,
    generation,
    refunds,
    set_policy,
    start,
    story,
)
from support.books import BAD_DOLLARS, NOON, Books, books, entries, grant, no_trace
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg


@pytest.mark.parametrize(("task", "before"), [(None, "pending"), ("t-1", "processing")])
def test_a_failure_gives_back_what_the_policy_says(
    conn: psycopg.Connection[Any], task: str | None, before: str
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, task=task)
    now = advance(conn, timedelta(minutes=1))

    result = fail(conn, attempt, "internal_error", "it broke", "E17", True, Decimal("0.04"))

    assert result == said(attempt, "failed", back=10)
    assert books(conn, attempt.user) == Books(
        balance=100,
        ledger=[("grant", 100, 100), ("deduction", -10, 90), ("refund", 10, 100)],
        lots=[("goodwill", 100, 100)],
    )
    paid = entries(conn, attempt.user)[-1]
    assert (paid.refund_of, paid.generation_id) == (attempt.charge, attempt.generation)
    assert paid.reason == "internal_error"
    row = generation(conn, attempt)
    assert (row.status, row.finished_at, row.refund_due_credits) == ("failed", now, 10)
    assert (row.error_type, row.error_code) == ("internal_error", "E17")
    assert (row.error_message, row.refund_owed_since) == ("it broke", None)
    assert (row.cost_usd, row.provider_billed) == (Decimal("0.04"), True)
    event = events(conn, attempt)[-1]
    assert (event.event, event.status_before, event.applied) == ("failure", before, True)
    assert (event.error_type, event.code, event.message) == ("internal_error", "E17", "it broke")
    assert (event.cost_usd, event.provider_billed) == (Decimal("0.04"), True)
    assert alerts(conn, attempt.user) == []


def test_a_failure_of_which_nothing_is_known_gives_all_back(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn)

    assert fail(conn, attempt) == said(attempt, "failed", back=10)

    row = generation(conn, attempt)
    assert (row.error_type, row.error_code, row.error_message) == ("unknown", None, None)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, "unknown"),
        ("", "unknown"),
        ("   ", "unknown"),
        ("  Internal_Error ", "internal_error"),
        ("never heard of", "never heard of"),
        (LONG, "x" * 100),
    ],
)
def test_the_kind_of_failure_is_made_to_fit(
    conn: psycopg.Connection[Any], given: str | None, kept: str
) -> None:
    attempt = start(conn)

    assert fail(conn, attempt, given, None, None, None, None) == said(attempt, "failed", back=10)

    assert generation(conn, attempt).error_type == kept
    assert events(conn, attempt)[-1].error_type == kept


def test_long_texts_are_cut(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    assert fail(conn, attempt, LONG, LONG, LONG).refunded

    row, event = generation(conn, attempt), events(conn, attempt)[-1]
    assert (len(row.error_message), len(row.error_code)) == (1000, 500)
    assert (event.message, event.code) == (row.error_message, row.error_code)


@pytest.mark.parametrize("cost", [*BAD_DOLLARS, Decimal("999999999.9999995")])
def test_a_cost_that_makes_no_sense_is_dropped_and_noted(
    conn: psycopg.Connection[Any], cost: Decimal
) -> None:
    attempt = start(conn)

    assert fail(conn, attempt, p_cost_usd=cost, p_provider_billed=True).refunded

    assert bill(conn, attempt) == (None, True)
    event = events(conn, attempt)[-1]
    assert event.cost_usd is None
    assert [note.split()[0] for note in event.dropped] == ["p_cost_usd"]


def test_the_same_failure_again_is_a_replay(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    fail(conn, attempt, "internal_error", "first", "E1")

    for again in (("internal_error", "first", "E1"), ("timeout", "second", "E2"), ()):
        with no_trace(conn):
            result = fail(conn, attempt, *again)
        assert result == said(attempt, "failed", back=10, applied=False, replayed=True)


def test_so_is_a_failure_after_the_deadline(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    advance(conn, timedelta(hours=1))
    rows(conn, "sweep_stuck_generations")

    with no_trace(conn):
        result = fail(conn, attempt, "internal_error")

    assert result == said(attempt, "timed_out", back=10, applied=False, replayed=True)


def test_a_failure_after_a_success_is_kept_once_and_alerts(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    complete(conn, attempt)

    for n in (1, 2):
        result = fail(conn, attempt, "internal_error", p_cost_usd=1, p_provider_billed=False)
        assert result == said(attempt, "succeeded", applied=False)
        assert raised(conn, attempt) == {"conflicting_failure": n}

    assert bill(conn, attempt) == (None, None)
    row = generation(conn, attempt)
    assert (row.error_type, row.refund_due_credits) == (None, 0)
    assert story(conn, attempt)[2:] == [("failure", False)]
    assert row.repeated_reports == 1
    assert refunds(conn, attempt) == []


def test_a_failure_after_a_cancellation_raises_what_is_due(
    conn: psycopg.Connection[Any],
) -> None:
    set_policy(conn, "user_cancelled", 20)
    attempt = start(conn, task="t-1")
    assert cancel(conn, attempt, "bored") == said(attempt, "cancelled", back=2)
    cancelled = generation(conn, attempt)

    result = fail(conn, attempt, "internal_error", "it broke", "E1")

    assert result == said(attempt, "cancelled", back=10)
    assert refunds(conn, attempt) == [2, 8]
    assert generation(conn, attempt) == cancelled._replace(
        refund_due_credits=10,
        error_type="internal_error",
        error_code="E1",
        error_message="it broke",
        last_event_no=4,
    )
    with no_trace(conn):
        assert fail(conn, attempt, "internal_error").replayed


@pytest.mark.parametrize("percent", [0, 20])
def test_a_failure_that_is_worth_no_more_than_the_cancellation_is_a_replay(
    conn: psycopg.Connection[Any], percent: int
) -> None:
    set_policy(conn, "user_cancelled", 20)
    set_policy(conn, "invalid_request", percent)
    attempt = start(conn, task="t-1")
    cancel(conn, attempt)

    with no_trace(conn):
        result = fail(conn, attempt, "invalid_request")

    assert result == said(attempt, "cancelled", back=2, applied=False, replayed=True)


def test_only_the_users_own_generation_is_found(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    refuses_what_is_no_generation_of_the_user(
        conn, attempt, lambda user, one: call(conn, "fail_generation", user, one)
    )


def test_what_has_expired_by_then_is_written_first(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    user = new_user()
    grant(conn, user, 20, p_expires_at=NOON + timedelta(hours=1))
    grant(conn, user, 50)
    attempt = start(conn, 5, user=user)
    set_clock(conn, NOON + timedelta(hours=1))

    failed = fail(conn, attempt)

    assert (failed.credits_refunded, failed.balance) == (5, 55)
    assert [(e.transaction_type, e.credits) for e in entries(conn, user)[2:]] == [
        ("deduction", -5),
        ("expiry", -15),
        ("refund", 5),
    ]
