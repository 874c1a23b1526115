from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from objects.generations.outcomes import refuses_what_is_no_generation_of_the_user, said
from support.api import call, rows
from support.attempts import (
    attach,
    cancel,
    complete,
    fail,
    refund,
    refunds_broken,
    set_policy,
    start,
    state,
)
from support.books import NOON, deduct, grant, no_trace
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg


def test_a_generation_is_shown_as_it_stands(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    pending, submitted, done, failed, cancelled, late = (start(conn) for _ in range(6))
    attach(conn, submitted, "t-1")
    complete(conn, done, 7)
    fail(conn, failed)
    attach(conn, cancelled, "t-2")
    cancel(conn, cancelled)
    shown = [
        (pending, "pending", 0),
        (submitted, "processing", 0),
        (done, "succeeded", 3),
        (failed, "failed", 10),
        (cancelled, "cancelled", 0),
        (late, "pending", 0),
    ]

    with no_trace(conn):
        for attempt, status, back in shown:
            assert state(conn, attempt) == said(attempt, status, back=back, applied=False)
    advance(conn, timedelta(hours=1))
    rows(conn, "sweep_stuck_generations")
    assert state(conn, late) == said(late, "timed_out", back=10, applied=False)


def test_refunds_by_hand_count(conn: psycopg.Connection[Any]) -> None:
    set_policy(conn, "internal_error", 0)
    attempt = start(conn)
    fail(conn, attempt, "internal_error")
    assert state(conn, attempt) == said(attempt, "failed", applied=False)

    refund(conn, attempt, 4)

    assert state(conn, attempt) == said(attempt, "failed", back=4, applied=False)


def test_a_refund_that_is_owed_has_not_come_back(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    with refunds_broken(conn):
        fail(conn, attempt)

    assert state(conn, attempt) == said(attempt, "failed", applied=False)


def test_the_balance_is_what_can_be_spent_now(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    grant(conn, attempt.user, 30, p_expires_at=NOON + timedelta(minutes=1))
    assert state(conn, attempt).balance == 120
    advance(conn, timedelta(minutes=1))

    with no_trace(conn):
        assert state(conn, attempt).balance == 90
    deduct(conn, attempt.user, 90)
    assert state(conn, attempt).balance == 0


def test_it_reads_only(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    conn.execute("set default_transaction_read_only = on")

    assert state(conn, attempt).status == "pending"


def test_only_the_users_own_generation_is_found(conn: psycopg.Connection[Any]) -> None:
    refuses_what_is_no_generation_of_the_user(
        conn, start(conn), lambda user, one: call(conn, "get_generation", user, one)
    )
