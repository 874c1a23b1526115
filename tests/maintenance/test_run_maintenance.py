"""run_maintenance: every task, in the order in which one needs what another left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ledger.books import NOON, grant, refused_argument
from promises.attempts import attach, break_refunds, callback, fail, generation, mend_refunds, start
from support.api import call, new_user, rows
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

TASKS = [
    "apply_waiting_callbacks",
    "sweep_stuck_generations",
    "retry_failed_refunds",
    "expire_user_credits",
    "apply_monthly_allowances",
    "check_ledger",
    "check_alerts",
]


def _run(conn: psycopg.Connection[Any], task: str | None = None) -> list[tuple[str, int]]:
    return [(row.task, row.affected) for row in rows(conn, "run_maintenance", task)]


def _noted(conn: psycopg.Connection[Any]) -> dict[str, tuple[Any, int]]:
    return {
        row.task: (row.last_run_at, row.affected)
        for row in conn.execute("select * from credits.maintenance_runs").fetchall()
    }


def test_without_work_every_task_runs_and_does_nothing(conn: psycopg.Connection[Any]) -> None:
    now = set_clock(conn, NOON)

    assert _run(conn) == [(task, 0) for task in TASKS]
    assert _noted(conn) == {task: (now, 0) for task in TASKS}


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
        "apply_monthly_allowances": 1,
        "check_ledger": 0,
        "check_alerts": 0,
    }
    assert generation(conn, stuck).status == "timed_out"
    assert generation(conn, owed).refund_owed_since is None


def test_what_waits_is_applied_before_its_deadline_counts(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, p_timeout=timedelta(minutes=1))
    attach(conn, attempt, "task")
    # As if it had come before the task was attached, and had been missed.
    callback(conn, "other", "200")
    conn.execute("update credits.provider_callbacks set provider_task_id = 'task'")
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


@pytest.mark.parametrize("task", TASKS)
def test_one_task_alone(conn: psycopg.Connection[Any], task: str) -> None:
    now = set_clock(conn, NOON)

    assert _run(conn, task) == [(task, 0)]
    assert _noted(conn) == {task: (now, 0)}


def test_the_last_run_is_noted(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    start(conn, p_timeout=timedelta(minutes=1))
    later = advance(conn, timedelta(minutes=1))
    _run(conn, "sweep_stuck_generations")
    assert _noted(conn) == {"sweep_stuck_generations": (later, 1)}

    latest = advance(conn, timedelta(minutes=1))
    _run(conn, "sweep_stuck_generations")
    assert _noted(conn) == {"sweep_stuck_generations": (latest, 0)}


@pytest.mark.parametrize("task", ["", "settle_owed_refunds", "check_alerts()", "CHECK_ALERTS"])
def test_an_unknown_task_is_refused(conn: psycopg.Connection[Any], task: str) -> None:
    with refused_argument(conn, "p_task", value=task):
        _run(conn, task)
