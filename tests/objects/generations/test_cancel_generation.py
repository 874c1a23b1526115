from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from objects.generations.outcomes import (
    LONG,
    refuses_what_is_no_generation_of_the_user,
    said,
)
from support.api import call, rows
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
from support.books import NOON, Books, books, entries, no_trace
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg


def test_before_the_provider_has_it_all_comes_back(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    now = advance(conn, timedelta(minutes=1))

    assert cancel(conn, attempt, "bored") == said(attempt, "cancelled", back=10)

    assert books(conn, attempt.user) == Books(
        balance=100,
        ledger=[("grant", 100, 100), ("deduction", -10, 90), ("refund", 10, 100)],
        lots=[("goodwill", 100, 100)],
    )
    assert entries(conn, attempt.user)[-1].reason == "user_cancelled"
    row = generation(conn, attempt)
    assert (row.status, row.finished_at, row.refund_due_credits) == ("cancelled", now, 10)
    assert (row.error_type, row.error_code) == ("user_cancelled", None)
    assert row.error_message == "bored"
    event = events(conn, attempt)[-1]
    assert (event.event, event.status_before, event.applied) == ("cancel", "pending", True)
    assert (event.error_type, event.message) == ("user_cancelled", "bored")


@pytest.mark.parametrize(("percent", "back"), [(0, 0), (25, 3), (100, 10)])
def test_after_that_the_policy_says_what_comes_back(
    conn: psycopg.Connection[Any], percent: int, back: int
) -> None:
    set_policy(conn, "user_cancelled", percent)
    attempt = start(conn, task="t-1")

    assert cancel(conn, attempt) == said(attempt, "cancelled", back=back)

    assert generation(conn, attempt).refund_due_credits == back
    assert refunds(conn, attempt) == ([back] if back else [])
    assert alerts(conn, attempt.user) == []


def test_the_same_cancellation_again_is_a_replay(conn: psycopg.Connection[Any]) -> None:
    for task, back in ((None, 10), ("t-1", 0)):
        attempt = start(conn, task=task)
        cancel(conn, attempt, "bored")

        with no_trace(conn):
            again = cancel(conn, attempt, "of another reason")

        assert again == said(attempt, "cancelled", back=back, applied=False, replayed=True)


@pytest.mark.parametrize(("status", "back"), [("succeeded", 0), ("failed", 10), ("timed_out", 10)])
def test_what_has_finished_cannot_be_cancelled(
    conn: psycopg.Connection[Any], status: str, back: int
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    if status == "succeeded":
        complete(conn, attempt)
    elif status == "failed":
        fail(conn, attempt)
    else:
        advance(conn, timedelta(hours=1))
        rows(conn, "sweep_stuck_generations")
    before, ledger = generation(conn, attempt), books(conn, attempt.user)

    assert cancel(conn, attempt) == said(attempt, status, back=back, applied=False)

    assert generation(conn, attempt) == before._replace(last_event_no=3)
    assert books(conn, attempt.user) == ledger
    assert story(conn, attempt)[-1] == ("cancel", False)
    assert alerts(conn, attempt.user) == []


def test_a_long_reason_is_cut(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    assert cancel(conn, attempt, LONG).refunded

    assert generation(conn, attempt).error_message == "x" * 1000
    assert events(conn, attempt)[-1].message == "x" * 1000


def test_no_reason_is_needed(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    assert cancel(conn, attempt, None).refunded

    assert generation(conn, attempt).error_message is None


def test_only_the_users_own_generation_is_found(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    refuses_what_is_no_generation_of_the_user(
        conn, attempt, lambda user, one: call(conn, "cancel_generation", user, one)
    )
