"""The failures that the users of pgcredits' origin were charged for: each refunds.

What its notes promised: automatic refunds on all failure scenarios, `refunded: true` in the
answer, and a refund row; and two queries by which its operators looked for these.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support.api import rows
from support.attempts import (
    PROVIDER,
    Attempt,
    attach,
    callback,
    fail,
    open_alerts,
    start,
    state,
)
from support.books import NOON, Books, books, entries
from support.clock import set_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from support.databases import Database

# As ORIGIN.md prints them.
FUNCTION_EXISTS = """
-- Run this in your database
SELECT routine_name FROM information_schema.routines
WHERE routine_name = 'refund_user_credits';
"""
LAST_REFUND = """
-- After a test failure
SELECT * FROM credit_transactions
WHERE transaction_type = 'refund'
ORDER BY created_at DESC LIMIT 1;
"""


def _before_the_task(error_type: str, code: str | None = None) -> Any:
    """The application sees it fail while it asks the provider: there is no task yet."""

    def scenario(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
        return fail(conn, attempt, error_type, f"{error_type} {code or ''}", code)

    return scenario


def _after_the_task(error_type: str) -> Any:
    """The provider took the task; the application sees it fail."""

    def scenario(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
        attach(conn, attempt, "t-1")
        return fail(conn, attempt, error_type)

    return scenario


def _called_back(code: str) -> Any:
    """The provider took the task, and calls back."""

    def scenario(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
        attach(conn, attempt, "t-1")
        return callback(
            conn,
            "t-1",
            code,
            p_message="failed",
            p_payload={"code": int(code), "msg": "failed", "data": {"taskId": "t-1"}},
        )

    return scenario


def _called_back_too_early(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
    callback(conn, "t-1", "501")
    return attach(conn, attempt, "t-1")


def _timed_out(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
    attach(conn, attempt, "t-1")
    set_clock(conn, NOON + timedelta(hours=1))
    assert len(rows(conn, "sweep_stuck_generations")) == 1
    return state(conn, attempt)


def _crashed(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
    """The application died after the charge: nobody ever says anything of it."""
    set_clock(conn, NOON + timedelta(hours=1))
    assert len(rows(conn, "sweep_stuck_generations")) == 1
    return state(conn, attempt)


SCENARIOS: dict[str, Callable[[psycopg.Connection[Any], Attempt], Any]] = {
    "network error": _before_the_task("network_error"),
    "fetch error after submission": _after_the_task("network_error"),
    "402, out of credits": _before_the_task("provider_out_of_credits", "402"),
    "503, service unavailable": _before_the_task("service_unavailable", "503"),
    "400, bad request": _before_the_task("invalid_request", "400"),
    "401, an error nobody thought of": _before_the_task("unauthorised", "401"),
    "429, rate limit": _before_the_task("rate_limited", "429"),
    "500, internal error": _before_the_task("internal_error", "500"),
    "an error without a type": _before_the_task("unknown"),
    "invalid URL": _before_the_task("invalid_image", "400"),
    "invalid image": _before_the_task("invalid_image"),
    "invalid response structure": _before_the_task("invalid_response"),
    "invalid response after submission": _after_the_task("invalid_response"),
    "task creation failure": _before_the_task("task_creation_failed"),
    "storage error": _after_the_task("storage_error"),
    **{
        f"callback {code}": _called_back(code)
        for code in ("400", "402", "408", "429", "500", "501", "503")
    },
    "callback before the task is known": _called_back_too_early,
    "timeout": _timed_out,
    "crash of the application": _crashed,
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_it_refunds_says_so_and_leaves_a_refund(
    conn: psycopg.Connection[Any], scenario: str
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, 12)

    result = SCENARIOS[scenario](conn, attempt)

    assert result.refunded is True
    assert (result.credits_refunded, result.balance) == (12, 100)
    assert result.status == (
        "timed_out" if scenario in ("timeout", "crash of the application") else "failed"
    )
    assert books(conn, attempt.user) == Books(
        balance=100,
        ledger=[("grant", 100, 100), ("deduction", -12, 88), ("refund", 12, 100)],
        lots=[("goodwill", 100, 100)],
    )
    row = entries(conn, attempt.user)[-1]
    assert (row.refund_of, row.generation_id) == (attempt.charge, attempt.generation)
    # What the notes told operators to look for.
    assert open_alerts(conn, attempt.user) == []

    # Whoever reports it once more hears the same, and nothing else happens.
    again = fail(conn, attempt, "unknown")
    assert (again.replayed, again.refunded, again.credits_refunded) == (True, True, 12)
    assert len(entries(conn, attempt.user)) == 3


def test_the_query_for_the_function_finds_one(database: Database) -> None:
    for role in (None, "credits_operator", "credits_app"):
        conn = database.connect(role=role, options="-c search_path=credits")

        assert conn.execute(FUNCTION_EXISTS).fetchall() == [("refund_user_credits",)]


def test_the_query_for_the_refund_finds_it(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    query = database.connect(options="-c search_path=credits")
    assert query.execute(LAST_REFUND).fetchall() == []
    fail(conn, start(conn, 3))
    attempt = start(conn, 12, task="t-1")
    assert callback(conn, "t-1", "501").refunded

    (row,) = query.execute(LAST_REFUND).fetchall()

    assert (row.user_id, row.credits, row.transaction_type) == (attempt.user, 12, "refund")
    assert (row.refund_of, row.generation_id) == (attempt.charge, attempt.generation)
    assert row.reason == "generation_failed"


def test_a_provider_without_codes_of_its_own_is_understood(
    conn: psycopg.Connection[Any],
) -> None:
    """The seeds have one code for the origin's provider alone: it refuses content by a 400."""
    attempt = start(conn, 10, task="t-1")
    callback(conn, "t-1", "400")

    found = conn.execute(
        "select provider, error_type from credits.generations where generation_id = %s",
        (attempt.generation,),
    ).fetchone()
    assert found == (PROVIDER, "content_policy_violation")
