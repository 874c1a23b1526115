"""run_maintenance: every task, in the order in which one needs what another left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from promises.generation_sweeps import map_by_hand
from support.api import call, new_user, rows
from support.attempts import break_refunds, callback, fail, generation, mend_refunds, start
from support.books import NOON, grant
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

TASKS = [
    "apply_waiting_callbacks",
    "sweep_stuck_generations",
    "retry_failed_refunds",
    "apply_allowances",
    "expire_user_credits",
    "check_ledger",
    "purge_history",
    "check_alerts",
]


def _run(conn: psycopg.Connection[Any]) -> list[tuple[str, int]]:
    return [(row.task, row.affected) for row in rows(conn, "run_maintenance")]


def test_without_work_every_task_runs_and_does_nothing(conn: psycopg.Connection[Any]) -> None:
    assert _run(conn) == [(task, 0) for task in TASKS]


def test_everything_that_is_due_is_done(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    stuck = start(conn, p_timeout=timedelta(minutes=1))
    owed = start(conn)
    break_refunds(conn)
    fail(conn, owed)
    mend_refunds(conn)
    poor = new_user()
    grant(conn, poor, 5, p_expires_at=NOON + timedelta(minutes=1))
    planned = new_user()
    call(conn, "set_user_plan", planned, "free")
    advance(conn, timedelta(minutes=1))

    assert dict(_run(conn)) == {
        "apply_waiting_callbacks": 0,
        "sweep_stuck_generations": 1,
        "retry_failed_refunds": 1,
        "expire_user_credits": 1,
        "apply_allowances": 1,
        "check_ledger": 0,
        "purge_history": 0,
        "check_alerts": 0,
    }
    assert generation(conn, stuck).status == "timed_out"
    assert generation(conn, owed).refund_owed_since is None


def test_what_waits_is_applied_before_its_deadline_counts(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, p_timeout=timedelta(minutes=1))
    # As an adoption attaches a task, which applies nothing.
    callback(conn, "task", "200")
    map_by_hand(conn, attempt, "task")
    advance(conn, timedelta(minutes=1))

    assert dict(_run(conn))["sweep_stuck_generations"] == 0
    assert generation(conn, attempt).status == "succeeded"


def test_what_is_under_review_is_never_settled(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    break_refunds(conn)
    fail(conn, attempt)
    mend_refunds(conn)
    conn.execute("update credits.generations set owed_review = true")

    _run(conn)

    assert generation(conn, attempt).refund_owed_since is not None


def test_the_alerts_judge_what_the_others_left(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    start(conn, p_timeout=timedelta(minutes=1))
    advance(conn, timedelta(minutes=1))
    call(conn, "check_alerts")

    done = dict(_run(conn))

    assert (done["sweep_stuck_generations"], done["check_alerts"]) == (1, 1)
    assert conn.execute("select type, resolved_by from credits.system_alerts").fetchall() == [
        ("generation_stuck", "pgcredits")
    ]
