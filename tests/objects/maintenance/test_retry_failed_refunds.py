"""A refund that raises: the generation is settled, the refund is owed, and paid exactly once.

What holds for every sweep is in tests/promises/test_sweeps_over_generations.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from promises.generation_sweeps import map_by_hand, owed
from support.api import call, refused, rows
from support.attempts import (
    Attempt,
    alerts,
    break_refunds,
    callback,
    cancel,
    complete,
    events,
    fail,
    generation,
    listed,
    mend_refunds,
    open_alerts,
    raise_in_refunds,
    refunds,
    refunds_broken,
    set_policy,
    start,
    state,
    story,
)
from support.books import MOST_BALANCE, NOON, Books, balance, books, deduct, entries, no_trace
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from support.databases import Database

HOUR = timedelta(hours=1)


def _fail(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    result = fail(conn, attempt, "network_error", "connection reset")
    assert (result.applied, result.refunded, result.credits_refunded) == (True, False, 0)


def _call_back(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    result = callback(conn, "t-1", "503")
    assert (result.applied, result.refunded, result.credits_refunded) == (True, False, 0)


def _call_back_early(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    callback(conn, "t-2", "503")
    map_by_hand(conn, attempt, "t-2")
    assert len(rows(conn, "apply_waiting_callbacks")) == 1


def _sweep(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    advance(conn, HOUR)
    assert len(rows(conn, "sweep_stuck_generations")) == 1


def _cancel(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    set_policy(conn, "user_cancelled", 100)
    result = cancel(conn, attempt, "changed my mind")
    assert (result.applied, result.refunded, result.credits_refunded) == (True, False, 0)


def _fail_cancelled(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    assert cancel(conn, attempt).applied
    assert fail(conn, attempt).applied


def _lower_the_price(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    assert complete(conn, attempt, 0).status == "succeeded"


def _lower_the_price_later(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    assert complete(conn, attempt).applied
    assert complete(conn, attempt, 0).applied


# What settles a generation with its whole price due, by the status it ends in.
SETTLED_BY: dict[str, tuple[Callable[[psycopg.Connection[Any], Attempt], None], str]] = {
    "the application": (_fail, "failed"),
    "a callback": (_call_back, "failed"),
    "a callback that waited": (_call_back_early, "failed"),
    "the sweep": (_sweep, "timed_out"),
    "a cancellation": (_cancel, "cancelled"),
    "a failure after a cancellation": (_fail_cancelled, "cancelled"),
    "a lower final price": (_lower_the_price, "succeeded"),
    "a lower price after success": (_lower_the_price_later, "succeeded"),
}


@pytest.mark.parametrize("settled_by", SETTLED_BY)
def test_a_refund_that_raises_is_owed_and_paid_once_later(
    conn: psycopg.Connection[Any], settled_by: str
) -> None:
    settle, status = SETTLED_BY[settled_by]
    set_clock(conn, NOON)
    attempt = start(conn, 10, task="t-1")
    with refunds_broken(conn):
        settle(conn, attempt)

    # It is settled all the same, and what could not be paid is known.
    found = state(conn, attempt)
    assert (found.status, found.credits_refunded, found.refunded) == (status, 0, False)
    settled = generation(conn, attempt)
    assert settled.finished_at == settled.refund_owed_since
    assert settled.refund_due_credits == 10
    failure = events(conn, attempt)[-1]
    assert (failure.event, failure.applied, failure.code) == ("refund_failed", False, "23514")
    assert "refund_totals_broken_on_purpose" in failure.message
    (alert,) = alerts(conn, attempt.user)
    assert (alert.type, alert.level, alert.occurrences) == ("refund_failed", "error", 1)
    assert (alert.generation_id, alert.provider) == (attempt.generation, "nanobanana")
    assert (alert.resolved_at, alert.metadata) == (None, {"sqlstate": "23514"})
    assert "refund_totals_broken_on_purpose" in alert.message
    (line,) = listed(conn)
    assert (line.generation_id, line.credits_due, line.credits_owed) == (attempt.generation, 10, 10)
    assert books(conn, attempt.user).ledger == [("grant", 100, 100), ("deduction", -10, 90)]
    assert books(conn, attempt.user).lots == [("goodwill", 100, 90)]
    assert rows(conn, "verify_ledger") == []

    now = advance(conn, HOUR)
    assert rows(conn, "retry_failed_refunds") == [(attempt.user, attempt.generation, 10, None)]

    assert books(conn, attempt.user) == Books(
        balance=100,
        ledger=[("grant", 100, 100), ("deduction", -10, 90), ("refund", 10, 100)],
        lots=[("goodwill", 100, 100)],
    )
    found = state(conn, attempt)
    assert (found.status, found.credits_refunded) == (status, 10)
    assert found.refunded == (status != "succeeded")
    paid = generation(conn, attempt)
    assert (paid.refund_owed_since, paid.refund_due_credits) == (None, 10)
    assert paid.finished_at == settled.finished_at
    payment = events(conn, attempt)[-1]
    assert (payment.event, payment.applied, payment.credits) == ("refund_paid", True, 10)
    assert payment.created_at == now
    (alert,) = alerts(conn, attempt.user)
    assert (alert.resolved_at, alert.resolved_by) == (now, "pgcredits")
    assert listed(conn) == []

    with no_trace(conn):
        assert rows(conn, "retry_failed_refunds") == []


def test_reports_that_come_again_neither_pay_nor_forget_what_is_owed(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, task="t-1")
    with refunds_broken(conn):
        fail(conn, attempt)

    reports: list[Callable[[], Any]] = [
        lambda: fail(conn, attempt),
        lambda: callback(conn, "t-1", "500"),
        lambda: callback(conn, "t-1", "200"),
        lambda: cancel(conn, attempt),
    ]
    for report in reports:
        assert not report().applied
        assert [line.credits_owed for line in listed(conn)] == [10]
    rows(conn, "retry_failed_refunds")

    assert refunds(conn, attempt) == [10]
    for code in ("500", "200", "500"):
        callback(conn, "t-1", code)
    assert refunds(conn, attempt) == [10]


def test_failing_retries_are_counted_by_the_alert(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, task="t-1")
    break_refunds(conn)
    fail(conn, attempt)
    before = story(conn, attempt)

    for occurrences in (2, 3):
        now = advance(conn, HOUR)
        (row,) = rows(conn, "retry_failed_refunds")
        assert row[:2] == (attempt.user, attempt.generation)
        assert not row.credits
        assert "refund_totals_broken_on_purpose" in row.error
        (alert,) = alerts(conn, attempt.user)
        assert alert.occurrences == occurrences
        assert (alert.first_seen_at, alert.last_seen_at) == (NOON, now)
        assert generation(conn, attempt).refund_owed_since == NOON
    # The same error again is no news.
    assert story(conn, attempt) == before

    # Another one is.
    mend_refunds(conn)
    conn.execute(
        "alter table credits.refund_totals add constraint broken_otherwise check (false) not valid"
    )
    rows(conn, "retry_failed_refunds")
    assert story(conn, attempt) == [*before, ("refund_failed", False)]
    # But it is owed for as long as before.
    assert generation(conn, attempt).refund_owed_since == NOON
    assert "broken_otherwise" in listed(conn)[0].last_error
    (alert,) = alerts(conn, attempt.user)
    assert (alert.occurrences, "broken_otherwise" in alert.message) == (4, True)

    conn.execute("alter table credits.refund_totals drop constraint broken_otherwise")
    assert rows(conn, "retry_failed_refunds") == [(attempt.user, attempt.generation, 10, None)]
    assert (refunds(conn, attempt), open_alerts(conn, attempt.user)) == ([10], [])


@pytest.mark.parametrize("percent", [0, 50])
def test_what_was_due_is_paid_not_what_todays_policy_says(
    conn: psycopg.Connection[Any], percent: int
) -> None:
    attempt = start(conn, 10)
    with refunds_broken(conn):
        fail(conn, attempt, "network_error")
    set_policy(conn, "network_error", percent)
    set_policy(conn, "*", percent)

    assert rows(conn, "retry_failed_refunds") == [(attempt.user, attempt.generation, 10, None)]


def test_nor_what_a_more_generous_policy_says(conn: psycopg.Connection[Any]) -> None:
    set_policy(conn, "network_error", 30)
    attempt = start(conn, 10)
    with refunds_broken(conn):
        fail(conn, attempt, "network_error")
    set_policy(conn, "network_error", 100)

    assert rows(conn, "retry_failed_refunds") == [(attempt.user, attempt.generation, 3, None)]


def test_where_nothing_is_due_nothing_is_tried(conn: psycopg.Connection[Any]) -> None:
    set_policy(conn, "network_error", 0)
    attempt = start(conn)

    with refunds_broken(conn):
        fail(conn, attempt, "network_error")

    assert (alerts(conn, attempt.user), listed(conn)) == ([], [])
    with no_trace(conn):
        assert rows(conn, "retry_failed_refunds") == []


@pytest.mark.tampers
def test_a_balance_at_its_limit_takes_no_refund_until_there_is_room(
    conn: psycopg.Connection[Any],
) -> None:
    """No constraint needs to be broken for a refund to raise."""
    attempt = start(conn, 10)
    # Nine thousand grants would get there, too.
    conn.execute("update credits.user_credits set balance = %s", (MOST_BALANCE - 9,))

    result = fail(conn, attempt)

    assert (result.status, result.refunded) == ("failed", False)
    assert result.balance == MOST_BALANCE - 9
    assert events(conn, attempt)[-1].code == "PT422"
    assert open_alerts(conn, attempt.user) == ["refund_failed"]
    (row,) = rows(conn, "retry_failed_refunds")
    assert "balance" in row.error

    deduct(conn, attempt.user, 1)
    assert rows(conn, "retry_failed_refunds") == [(attempt.user, attempt.generation, 10, None)]
    assert balance(conn, attempt.user) == MOST_BALANCE
    assert open_alerts(conn, attempt.user) == []


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_what_a_retry_of_the_call_would_mend_is_raised(
    conn: psycopg.Connection[Any], sqlstate: str
) -> None:
    attempt = start(conn, task="t-1")
    raise_in_refunds(conn, sqlstate)

    reports: list[Callable[[], Any]] = [
        lambda: fail(conn, attempt),
        lambda: callback(conn, "t-1", "500"),
        lambda: complete(conn, attempt, 3),
    ]
    for report in reports:
        with no_trace(conn), refused(sqlstate):
            report()

    # And the same call again, with nobody in the way, settles it.
    conn.execute("drop trigger raise_in_refund on credits.refund_totals")
    assert fail(conn, attempt).refunded
    assert (refunds(conn, attempt), alerts(conn, attempt.user)) == ([10], [])


@pytest.mark.parametrize("sqlstate", ["40003", "57014", "P0001", "23505", "22003", "53100"])
def test_whatever_else_it_raises_the_settlement_stands(
    conn: psycopg.Connection[Any], sqlstate: str
) -> None:
    attempt = start(conn)
    raise_in_refunds(conn, sqlstate)

    if sqlstate == "57014":
        # Somebody cancelled the whole call: that is no matter of the refund.
        with no_trace(conn), refused(sqlstate):
            fail(conn, attempt)
        return
    assert fail(conn, attempt).status == "failed"

    failure = events(conn, attempt)[-1]
    assert (failure.event, failure.code, failure.message) == ("refund_failed", sqlstate, "of two")
    assert alerts(conn, attempt.user)[0].metadata == {"sqlstate": sqlstate}


def test_what_was_refunded_by_hand_meanwhile_is_not_paid_again(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, 10)
    with refunds_broken(conn):
        fail(conn, attempt)
    call(conn, "refund_user_credits", attempt.user, attempt.charge, 4)

    assert rows(conn, "retry_failed_refunds") == [(attempt.user, attempt.generation, 6, None)]

    assert refunds(conn, attempt) == [4, 6]


def test_those_under_review_are_left_alone(conn: psycopg.Connection[Any]) -> None:
    reviewed, other = start(conn), start(conn)
    with refunds_broken(conn):
        fail(conn, reviewed)
        fail(conn, other)
    conn.execute(
        "update credits.generations set owed_review = true where generation_id = %s",
        (reviewed.generation,),
    )

    assert rows(conn, "retry_failed_refunds") == [(other.user, other.generation, 10, None)]

    with no_trace(conn):
        assert rows(conn, "retry_failed_refunds") == []
    assert refunds(conn, reviewed) == []
    # Still owed, and healthy.
    assert generation(conn, reviewed).refund_owed_since is not None


def test_the_refund_goes_where_the_credits_came_from(conn: psycopg.Connection[Any]) -> None:
    """Also where their lot has expired since: as a fresh one, from when it is paid."""
    set_clock(conn, NOON)
    attempt = start(conn, 10, granted=10)
    conn.execute(
        "select * from credits.grant_user_credits(%s, 5, p_expires_at => %s)",
        (attempt.user, NOON + 26 * HOUR),
    )
    expiring = call(conn, "start_generation", attempt.user, "nanobanana", "image", 5)
    with refunds_broken(conn):
        call(conn, "fail_generation", attempt.user, expiring.generation_id)
        fail(conn, attempt)
    now = advance(conn, 30 * HOUR)

    rows(conn, "retry_failed_refunds")

    assert sorted(books(conn, attempt.user).lots) == [
        ("goodwill", 5, 0),
        ("goodwill", 10, 10),
        ("refund", 5, 5),
    ]
    fresh = call(conn, "get_user_credits", attempt.user)
    assert fresh.balance == 15
    still_had = NOON + 26 * HOUR - entries(conn, attempt.user)[3].created_at
    assert fresh.next_expiry_at == now + still_had
    assert [e.reason for e in entries(conn, attempt.user)[-2:]] == ["unknown", "unknown"]


def test_a_hundred_are_served_where_no_limit_is_given(conn: psycopg.Connection[Any]) -> None:
    owed(conn, 101)

    assert [len(rows(conn, "retry_failed_refunds")) for _ in range(3)] == [100, 1, 0]


def test_its_rows_have_the_columns_of_every_sweep(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    with refunds_broken(conn):
        fail(conn, attempt)

    (row,) = rows(conn, "retry_failed_refunds")

    assert row._fields == ("user_id", "generation_id", "credits", "error")


def test_apps_and_analysts_may_not_call_it(database: Database) -> None:
    for role in ("credits_app", "credits_analyst"):
        with refused("42501"):
            rows(database.connect(role=role), "retry_failed_refunds")
    assert rows(database.connect(role="credits_operator"), "retry_failed_refunds") == []
