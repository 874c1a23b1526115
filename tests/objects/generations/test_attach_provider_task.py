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
from support.api import call
from support.attempts import (
    attach,
    callback,
    cancel,
    complete,
    events,
    fail,
    generation,
    refunds,
    start,
    state,
    story,
)
from support.books import NOON, each_refused, no_trace, refused_without_trace
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from support.attempts import Attempt

MINUTE = timedelta(minutes=1)


def _tasks(conn: psycopg.Connection[Any]) -> list[Any]:
    return conn.execute(
        "select provider, provider_task_id, user_id, generation_id from credits.provider_tasks"
        " order by provider_task_id"
    ).fetchall()


def _inbox(conn: psycopg.Connection[Any]) -> int:
    (row,) = conn.execute("select count(*) from credits.provider_callbacks").fetchall()
    count: int = row[0]
    return count


def test_attaching_notes_that_the_provider_has_it(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    now = advance(conn, MINUTE)

    result = attach(conn, attempt, "t-1")

    assert result == said(attempt, "processing")
    row = generation(conn, attempt)
    assert (row.status, row.provider_task_id) == ("processing", "t-1")
    assert (row.submitted_at, row.finished_at, row.last_event_no) == (now, None, 2)
    assert _tasks(conn) == [("nanobanana", "t-1", attempt.user, attempt.generation)]
    event = events(conn, attempt)[-1]
    assert (event.event, event.status_before, event.applied) == ("submitted", "pending", True)
    assert (event.code, event.is_callback, event.created_at) == ("t-1", False, now)


def test_a_provider_may_give_no_id(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    assert attach(conn, attempt, None) == said(attempt, "processing")

    row = generation(conn, attempt)
    assert (row.status, row.provider_task_id) == ("processing", None)
    assert row.submitted_at is not None
    assert _tasks(conn) == []
    with no_trace(conn):
        assert attach(conn, attempt, None) == said(
            attempt, "processing", applied=False, replayed=True
        )


def test_the_id_is_news_although_the_submission_is_not(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    attach(conn, attempt, None)
    advance(conn, MINUTE)

    assert attach(conn, attempt, "t-1") == said(attempt, "processing")

    row = generation(conn, attempt)
    assert (row.provider_task_id, row.submitted_at) == ("t-1", NOON)
    assert story(conn, attempt) == [("started", True), ("submitted", True), ("submitted", True)]
    assert callback(conn, "t-1", "500").refunded


@pytest.mark.parametrize("again", ["t-1", None])
def test_a_second_attachment_is_a_replay(conn: psycopg.Connection[Any], again: str | None) -> None:
    attempt = start(conn, task="t-1")

    with no_trace(conn):
        assert attach(conn, attempt, again) == said(
            attempt, "processing", applied=False, replayed=True
        )


def test_another_task_in_flight_is_a_conflict(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")

    with refused_without_trace(
        conn, "PT409", "provider_task_conflict", provider_task_id="t-2", attached="t-1"
    ):
        attach(conn, attempt, "t-2")


def test_the_task_of_another_generation_is_a_conflict(conn: psycopg.Connection[Any]) -> None:
    first = start(conn, task="t-1")
    second, stranger = start(conn, user=first.user), start(conn)

    for attempt in (second, stranger):
        with refused_without_trace(conn, "PT409", "provider_task_conflict", provider_task_id="t-1"):
            attach(conn, attempt, "t-1")
        fail(conn, attempt)
        with refused_without_trace(conn, "PT409", "provider_task_conflict"):
            attach(conn, attempt, "t-1")


FINISHES: dict[str, tuple[Callable[[psycopg.Connection[Any], Attempt], Any], int]] = {
    "succeeded": (complete, 0),
    "failed": (fail, 10),
    "cancelled": (cancel, 10),
}


@pytest.mark.parametrize("status", FINISHES)
def test_the_task_of_a_finished_generation_is_noted_and_not_applied(
    conn: psycopg.Connection[Any], status: str
) -> None:
    now = set_clock(conn, NOON)
    attempt = start(conn)
    finish, back = FINISHES[status]
    finish(conn, attempt)
    before = generation(conn, attempt)

    assert attach(conn, attempt, "t-1") == said(attempt, status, back=back, applied=False)

    after = generation(conn, attempt)
    assert after == before._replace(provider_task_id="t-1", submitted_at=now, last_event_no=3)
    assert story(conn, attempt)[-1] == ("submitted", False)
    with no_trace(conn):
        assert attach(conn, attempt, "t-1") == said(
            attempt, status, back=back, applied=False, replayed=True
        )


def test_further_tasks_of_a_finished_generation_are_noted_too(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, task="t-1")
    fail(conn, attempt)

    assert attach(conn, attempt, "t-2") == said(attempt, "failed", back=10, applied=False)

    assert generation(conn, attempt).provider_task_id == "t-1"
    assert [task.provider_task_id for task in _tasks(conn)] == ["t-1", "t-2"]
    # Its late callback finds the way, and its cost is booked.
    callback(conn, "t-2", "200", p_cost_usd=Decimal("0.04"))
    assert bill(conn, attempt) == (Decimal("0.04"), True)
    assert raised(conn, attempt) == {"late_success_after_refund": 1}


def test_no_news_of_a_finished_generation_is_an_event_only(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn)
    complete(conn, attempt)

    assert attach(conn, attempt, None) == said(attempt, "succeeded", applied=False)
    assert story(conn, attempt)[-1] == ("submitted", False)


# --- callbacks that were faster ---


@pytest.mark.parametrize(
    ("code", "status", "back"),
    [("200", "succeeded", 0), ("202", "processing", 0), ("500", "failed", 10)],
)
def test_a_callback_that_was_faster_is_applied_at_once(
    conn: psycopg.Connection[Any], code: str, status: str, back: int
) -> None:
    attempt = start(conn)
    callback(conn, "t-1", code, p_message="m", p_cost_usd=Decimal("0.04"), p_payload={"a": 1})

    assert attach(conn, attempt, "t-1") == said(attempt, status, back=back)

    assert _inbox(conn) == 0
    event = events(conn, attempt)[2]
    assert (event.status_before, event.is_callback) == ("processing", True)
    assert (event.code, event.message) == (code, "m")
    assert (event.cost_usd, event.payload) == (Decimal("0.04"), {"a": 1})
    assert refunds(conn, attempt) == ([back] if back else [])


def test_several_are_applied_in_the_order_in_which_they_came(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    for code in ("202", "500", "200", "500"):
        advance(conn, MINUTE)
        callback(conn, "t-1", code)
    # Other tasks, and other providers, are left alone.
    callback(conn, "t-2", "500")
    call(conn, "handle_provider_callback", "other", "t-1", "500")

    assert attach(conn, attempt, "t-1") == said(attempt, "failed", back=10)

    assert story(conn, attempt)[1:] == [
        ("submitted", True),
        ("progress", False),
        ("failure", True),
        ("success", False),
        ("failure", False),
    ]
    assert refunds(conn, attempt) == [10]
    assert raised(conn, attempt) == {"late_success_after_refund": 1}
    assert _inbox(conn) == 2
    with no_trace(conn):
        attach(conn, attempt, "t-1")


def test_they_reach_a_generation_that_has_finished_meanwhile(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn)
    callback(conn, "t-1", "200", p_cost_usd=Decimal("0.04"))
    cancel(conn, attempt)

    assert attach(conn, attempt, "t-1") == said(attempt, "cancelled", back=10, applied=False)

    assert bill(conn, attempt) == (Decimal("0.04"), True)
    assert raised(conn, attempt) == {"late_success_after_refund": 1}
    assert state(conn, attempt).credits_refunded == 10


# --- bad input ---


def test_only_the_users_own_generation_is_found(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    refuses_what_is_no_generation_of_the_user(
        conn, attempt, lambda user, one: call(conn, "attach_provider_task", user, one)
    )
    refuses_what_is_no_generation_of_the_user(
        conn, attempt, lambda user, one: call(conn, "attach_provider_task", user, one, "t-1")
    )


def test_a_blank_or_too_long_id_is_refused(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    each_refused(
        conn,
        "p_provider_task_id",
        ["", "   ", "t" * 501, LONG],
        lambda task: attach(conn, attempt, task),
    )
    # The longest there is, in letters of four bytes that do not compress.
    longest = "".join(chr(0x20000 + 37 * i) for i in range(500))
    assert attach(conn, attempt, longest).applied
    assert callback(conn, longest, "500").refunded
