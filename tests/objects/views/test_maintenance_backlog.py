from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from objects.views.small_histories import columns
from objects.views.timed_generations import HOUR, MINUTE, begin, now
from promises.generation_sweeps import map_by_hand
from support.api import new_user, rows
from support.attempts import attach, callback, fail, refunds_broken, start
from support.books import grant
from support.clock import advance, real_clock, set_clock

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

USERS_DUE = "apply_allowances, expire_user_credits"
TASKS = [
    USERS_DUE,
    "apply_waiting_callbacks",
    "check_ledger",
    "retry_failed_refunds",
    "sweep_stuck_generations",
]


def backlog(conn: psycopg.Connection[Any]) -> dict[str, Any]:
    found = conn.execute("select * from credits_monitoring.maintenance_backlog").fetchall()
    assert sorted(row.task for row in found) == TASKS
    return {row.task: row for row in found}


def due(conn: psycopg.Connection[Any]) -> dict[str, datetime]:
    """The tasks that have anything in sight, apart from the check of the ledger."""
    return {
        task: row.due_at
        for task, row in backlog(conn).items()
        if row.due_at is not None and task != "check_ledger"
    }


def test_with_nothing_to_do_each_task_has_a_row(conn: psycopg.Connection[Any]) -> None:
    assert {(row.due_at, row.behind_seconds) for row in backlog(conn).values()} == {(None, 0)}


def test_the_earliest_deadline_of_what_is_in_flight_counts(conn: psycopg.Connection[Any]) -> None:
    at = now(conn) - 2 * HOUR
    begin(conn, at, p_timeout=HOUR + MINUTE)
    begin(conn, at, p_timeout=HOUR)
    real_clock(conn)
    assert due(conn) == {"sweep_stuck_generations": at + HOUR}

    row = backlog(conn)["sweep_stuck_generations"]
    assert HOUR / timedelta(seconds=1) <= row.behind_seconds < 2 * HOUR / timedelta(seconds=1)

    rows(conn, "sweep_stuck_generations")
    assert due(conn) == {}


def test_what_is_not_due_yet_is_not_behind(conn: psycopg.Connection[Any]) -> None:
    begin(conn, now(conn), p_timeout=HOUR)
    real_clock(conn)

    row = backlog(conn)["sweep_stuck_generations"]

    assert row.due_at > now(conn)
    assert row.behind_seconds == 0


def test_a_refund_is_owed_since_it_first_failed_and_not_under_review(
    conn: psycopg.Connection[Any],
) -> None:
    at = now(conn) - HOUR
    set_clock(conn, at)
    attempt = start(conn)
    with refunds_broken(conn):
        attach(conn, attempt, None)
        fail(conn, attempt)
        advance(conn, MINUTE)
        rows(conn, "retry_failed_refunds")
    real_clock(conn)
    assert due(conn) == {"retry_failed_refunds": at}

    conn.execute("update credits.generations set owed_review = true")
    assert due(conn) == {}


def test_callbacks_wait_once_their_task_is_known(conn: psycopg.Connection[Any]) -> None:
    at = now(conn) - HOUR
    set_clock(conn, at)
    attempt = start(conn, p_timeout=2 * HOUR)
    callback(conn, "t-1", "500")
    callback(conn, "nobody's", "500")
    real_clock(conn)
    assert "apply_waiting_callbacks" not in due(conn)

    map_by_hand(conn, attempt, "t-1")
    assert due(conn)["apply_waiting_callbacks"] == at


def test_credits_that_expire_are_due_then(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    for hours in (2, 1):
        grant(conn, new_user(), 5, p_source="promo", p_expires_at=at + hours * HOUR)

    assert due(conn) == {USERS_DUE: at + HOUR}


def test_some_ledger_is_to_be_checked_every_hour(conn: psycopg.Connection[Any]) -> None:
    at = now(conn) - 2 * HOUR
    set_clock(conn, at)
    for _ in range(2):
        grant(conn, new_user(), 5)
    assert backlog(conn)["check_ledger"].due_at == at + HOUR

    advance(conn, HOUR / 2)
    rows(conn, "check_ledger", 1)
    real_clock(conn)

    # One of two was checked.
    assert backlog(conn)["check_ledger"].due_at == at + 1.5 * HOUR


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert columns(conn, "maintenance_backlog") == {
        "task": "text",
        "due_at": "timestamp with time zone",
        "behind_seconds": "bigint",
    }
