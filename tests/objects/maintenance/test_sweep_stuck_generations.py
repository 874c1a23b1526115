"""What holds for every sweep is in tests/promises/test_sweeps_over_generations.py."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promises.generation_sweeps import map_by_hand
from support.api import call, refused, rows
from support.attempts import (
    alerts,
    break_generations,
    callback,
    cancel,
    complete,
    events,
    fail,
    generation,
    listed,
    net,
    open_alerts,
    refunds,
    refunds_broken,
    set_policy,
    start,
    state,
    story,
)
from support.books import NOON, Books, books, entries, no_trace, settle_for
from support.clock import advance, set_clock
from support.races import Session

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize("task", [None, "t-1"], ids=["pending", "processing"])
def test_what_is_past_its_deadline_times_out_and_is_refunded(
    conn: psycopg.Connection[Any], task: str | None
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, 12, task=task)
    now = advance(conn, HOUR)

    assert rows(conn, "sweep_stuck_generations") == [(attempt.user, attempt.generation, 12, None)]

    assert books(conn, attempt.user) == Books(
        balance=100,
        ledger=[("grant", 100, 100), ("deduction", -12, 88), ("refund", 12, 100)],
        lots=[("goodwill", 100, 100)],
    )
    found = state(conn, attempt)
    assert (found.status, found.credits_refunded, found.refunded) == ("timed_out", 12, True)
    row = generation(conn, attempt)
    assert (row.finished_at, row.refund_due_credits, row.refund_owed_since) == (now, 12, None)
    assert (row.error_type, row.error_code) == ("timeout", None)
    # Nobody knows whether the provider bills it.
    assert (row.provider_billed, row.cost_usd) == (None, None)
    event = events(conn, attempt)[-1]
    assert (event.event, event.applied, event.is_callback) == ("deadline", True, False)
    assert (event.error_type, event.message) == ("timeout", row.error_message)
    assert entries(conn, attempt.user)[-1].reason == "timeout"
    assert alerts(conn, attempt.user) == []


def test_the_deadline_is_the_timeout_after_the_start_to_the_microsecond(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, p_timeout=timedelta(minutes=5))
    set_clock(conn, NOON + timedelta(minutes=5) - INSTANT)

    with no_trace(conn):
        assert rows(conn, "sweep_stuck_generations") == []

    advance(conn, INSTANT)
    assert len(rows(conn, "sweep_stuck_generations")) == 1
    assert state(conn, attempt).status == "timed_out"


def test_without_a_timeout_the_one_of_the_settings_counts(
    conn: psycopg.Connection[Any],
) -> None:
    settle_for(conn, default_generation_timeout=2 * HOUR)
    set_clock(conn, NOON)
    start(conn)
    settle_for(conn, default_generation_timeout=HOUR)

    set_clock(conn, NOON + 2 * HOUR - INSTANT)
    assert rows(conn, "sweep_stuck_generations") == []
    advance(conn, INSTANT)
    assert len(rows(conn, "sweep_stuck_generations")) == 1


@pytest.mark.parametrize("ending", ["success", "failure", "cancel"])
def test_what_has_finished_never_times_out(conn: psycopg.Connection[Any], ending: str) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, task="t-1")
    {"success": complete, "failure": fail, "cancel": cancel}[ending](conn, attempt)
    advance(conn, 100 * HOUR)

    with no_trace(conn):
        assert rows(conn, "sweep_stuck_generations") == []


@pytest.mark.parametrize(
    ("code", "status", "paid"),
    [("200", "succeeded", 10), ("500", "failed", 0)],
    ids=["success", "failure"],
)
def test_what_the_provider_said_before_the_deadline_counts(
    conn: psycopg.Connection[Any], code: str, status: str, paid: int
) -> None:
    """A callback came before its task was known; nobody has applied it yet."""
    set_clock(conn, NOON)
    attempt = start(conn)
    assert callback(conn, "t-1", code).generation_id is None
    # As an attachment under an old snapshot leaves it.
    map_by_hand(conn, attempt, "t-1")
    conn.execute("update credits.generations set provider_task_id = 't-1', status = 'processing'")
    advance(conn, HOUR)

    rows(conn, "sweep_stuck_generations")

    assert (state(conn, attempt).status, net(conn, attempt)) == (status, paid)
    assert "deadline" not in dict(story(conn, attempt))
    assert conn.execute("select from credits.provider_callbacks").fetchall() == []
    with no_trace(conn):
        assert rows(conn, "sweep_stuck_generations") == []


def test_progress_that_waited_is_no_answer(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    callback(conn, "t-1", "202")
    map_by_hand(conn, attempt, "t-1")
    conn.execute("update credits.generations set provider_task_id = 't-1'")
    advance(conn, HOUR)

    assert rows(conn, "sweep_stuck_generations") == [(attempt.user, attempt.generation, 10, None)]

    assert story(conn, attempt) == [("started", True), ("progress", True), ("deadline", True)]


@pytest.mark.parametrize(("percent", "back"), [(0, 0), (33, 4), (50, 5), ("99.99", 10)])
def test_the_policy_for_a_timeout_decides_what_comes_back(
    conn: psycopg.Connection[Any], percent: Any, back: int
) -> None:
    set_policy(conn, "timeout", percent)
    set_clock(conn, NOON)
    attempt = start(conn, 10)
    advance(conn, HOUR)

    assert rows(conn, "sweep_stuck_generations") == [(attempt.user, attempt.generation, back, None)]

    found = state(conn, attempt)
    assert (found.credits_refunded, found.refunded) == (back, back > 0)
    assert refunds(conn, attempt) == ([back] if back else [])


def test_a_refund_that_raises_leaves_it_timed_out_and_owed(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    advance(conn, HOUR)

    with refunds_broken(conn):
        assert rows(conn, "sweep_stuck_generations") == [
            (attempt.user, attempt.generation, 0, None)
        ]

    assert (state(conn, attempt).status, refunds(conn, attempt)) == ("timed_out", [])
    # It is the refund that failed, not the sweep.
    assert open_alerts(conn, attempt.user) == ["refund_failed"]
    assert [owed.credits_owed for owed in listed(conn)] == [10]
    assert rows(conn, "verify_ledger") == []
    with no_trace(conn):
        assert rows(conn, "sweep_stuck_generations") == []


def test_a_frozen_user_is_refunded(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    call(conn, "freeze_user_credits", attempt.user, "chargeback")
    advance(conn, HOUR)

    assert len(rows(conn, "sweep_stuck_generations")) == 1

    assert net(conn, attempt) == 0


def test_a_late_success_changes_nothing_but_is_known(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, task="t-1")
    advance(conn, HOUR)
    rows(conn, "sweep_stuck_generations")

    late = callback(conn, "t-1", "200", p_cost_usd=Decimal("0.04"))

    assert (late.status, late.applied, late.refunded) == ("timed_out", False, True)
    assert net(conn, attempt) == 0
    assert open_alerts(conn, attempt.user) == ["late_success_after_refund"]


def test_a_success_that_is_being_reported_is_not_overtaken(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    advance(conn, HOUR)

    with Session(database) as app:
        app.run("begin")
        app.run(
            "select * from credits.complete_generation(%s, %s)",
            (attempt.user, attempt.generation),
        )
        # Its user is busy.
        assert rows(conn, "sweep_stuck_generations") == []
        app.run("commit")

    with no_trace(conn):
        assert rows(conn, "sweep_stuck_generations") == []
    assert (state(conn, attempt).status, net(conn, attempt)) == ("succeeded", 10)


def test_a_turn_that_raises_leaves_the_generation_in_flight(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    advance(conn, HOUR)
    break_generations(conn, attempt.user)

    (row,) = rows(conn, "sweep_stuck_generations")

    assert row[:3] == (attempt.user, attempt.generation, None)
    assert "generations_broken_on_purpose" in row.error
    assert (state(conn, attempt).status, refunds(conn, attempt)) == ("pending", [])
    assert open_alerts(conn, attempt.user) == ["maintenance_failed"]


def test_its_rows_have_the_columns_of_every_sweep(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    start(conn)
    advance(conn, HOUR)

    (row,) = rows(conn, "sweep_stuck_generations")

    assert row._fields == ("user_id", "generation_id", "credits", "error")


def test_a_hundred_are_served_where_no_limit_is_given(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    for _ in range(101):
        start(conn)
    advance(conn, HOUR)

    assert [len(rows(conn, "sweep_stuck_generations")) for _ in range(3)] == [100, 1, 0]


def test_apps_and_analysts_may_not_call_it(database: Database) -> None:
    for role in ("credits_app", "credits_analyst"):
        with refused("42501"):
            rows(database.connect(role=role), "sweep_stuck_generations")
    assert rows(database.connect(role="credits_operator"), "sweep_stuck_generations") == []
