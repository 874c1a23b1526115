"""What holds for every sweep is in tests/promises/test_sweeps_over_generations.py."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promises.generation_sweeps import awaited, map_by_hand
from support.api import refused, rows
from support.attempts import (
    attach,
    break_generations,
    callback,
    cancel,
    events,
    fail,
    generation,
    listed,
    net,
    open_alerts,
    refunds,
    refunds_broken,
    start,
    state,
    story,
)
from support.books import NOON, no_trace
from support.clock import advance, set_clock
from support.races import Session

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

SECOND = timedelta(seconds=1)


def waiting(conn: psycopg.Connection[Any]) -> list[Any]:
    """The inbox, the oldest first."""
    return conn.execute("select * from credits.provider_callbacks order by callback_id").fetchall()


@pytest.mark.parametrize(
    ("code", "status", "refunded"),
    [("200", "succeeded", 0), ("202", "processing", 0), ("500", "failed", 10)],
    ids=["success", "progress", "failure"],
)
def test_a_callback_is_applied_once_its_task_is_known(
    conn: psycopg.Connection[Any], code: str, status: str, refunded: int
) -> None:
    attempt = start(conn, 10)
    callback(
        conn, "t-1", code, p_message="so be it", p_cost_usd=Decimal("0.04"), p_payload={"a": 1}
    )
    map_by_hand(conn, attempt, "t-1")

    assert rows(conn, "apply_waiting_callbacks") == [
        (attempt.user, attempt.generation, refunded, None)
    ]

    assert (state(conn, attempt).status, net(conn, attempt)) == (status, 10 - refunded)
    event = events(conn, attempt)[-1]
    assert (event.applied, event.is_callback, event.code) == (True, True, code)
    assert (event.message, event.cost_usd, event.payload) == (
        "so be it",
        Decimal("0.04"),
        {"a": 1},
    )
    assert waiting(conn) == []
    with no_trace(conn):
        assert rows(conn, "apply_waiting_callbacks") == []


def test_those_of_unknown_tasks_go_on_waiting(conn: psycopg.Connection[Any]) -> None:
    start(conn, task="t-1")
    callback(conn, "t-2", "500")

    with no_trace(conn):
        assert rows(conn, "apply_waiting_callbacks") == []
    assert len(waiting(conn)) == 1


def test_a_task_of_another_provider_is_another_task(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    rows(conn, "handle_provider_callback", "seedream", "t-1", "500")
    map_by_hand(conn, attempt, "t-1")

    with no_trace(conn):
        assert rows(conn, "apply_waiting_callbacks") == []


def test_several_of_one_task_are_applied_in_the_order_they_came(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    for code in ("202", "500", "200", "500"):
        callback(conn, "t-1", code)
        advance(conn, SECOND)
    map_by_hand(conn, attempt, "t-1")

    assert rows(conn, "apply_waiting_callbacks") == [(attempt.user, attempt.generation, 10, None)]

    assert story(conn, attempt) == [
        ("started", True),
        ("progress", True),
        ("failure", True),
        ("success", False),
        ("failure", False),
    ]
    assert (state(conn, attempt).status, refunds(conn, attempt)) == ("failed", [10])
    assert open_alerts(conn, attempt.user) == ["late_success_after_refund"]


def test_the_limit_counts_generations_not_callbacks(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempts = [start(conn) for _ in range(2)]
    for attempt in attempts:
        for code in ("202", "500"):
            advance(conn, SECOND)
            callback(conn, str(attempt.generation), code)
        map_by_hand(conn, attempt, str(attempt.generation))

    runs = [rows(conn, "apply_waiting_callbacks", 1) for _ in range(3)]

    assert runs == [[(a.user, a.generation, 10, None)] for a in attempts] + [[]]


def test_what_waits_for_a_finished_one_is_applied_by_its_state(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn)
    callback(conn, "t-1", "200", p_cost_usd=Decimal("0.04"))
    map_by_hand(conn, attempt, "t-1")
    fail(conn, attempt)

    # This run refunded nothing: that was before.
    assert rows(conn, "apply_waiting_callbacks") == [(attempt.user, attempt.generation, 0, None)]

    assert story(conn, attempt)[-1] == ("success", False)
    row = generation(conn, attempt)
    assert (row.status, row.cost_usd, row.provider_billed) == ("failed", Decimal("0.04"), True)
    assert refunds(conn, attempt) == [10]


def test_a_failure_raises_what_a_cancellation_left(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    attach(conn, attempt, None)
    assert cancel(conn, attempt).credits_refunded == 0
    callback(conn, "t-1", "500")
    map_by_hand(conn, attempt, "t-1")

    assert rows(conn, "apply_waiting_callbacks") == [(attempt.user, attempt.generation, 10, None)]

    assert (state(conn, attempt).status, refunds(conn, attempt)) == ("cancelled", [10])


def test_an_old_snapshot_that_does_not_see_a_callback_cannot_attach_its_task(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    attempt = start(conn)
    callback(conn, "t-1", "202")
    attach_it = "select * from credits.attach_provider_task(%s, %s, 't-1')"

    with Session(database) as app:
        app.run("begin isolation level repeatable read")
        app.run("select from credits.user_credits")
        callback(conn, "t-1", "500")
        with refused("40001"):
            app.run(attach_it, (attempt.user, attempt.generation))
        app.run("rollback")
        app.run(attach_it, (attempt.user, attempt.generation))

    assert (state(conn, attempt).status, refunds(conn, attempt)) == ("failed", [10])
    assert waiting(conn) == []
    assert rows(conn, "apply_waiting_callbacks") == []


def test_an_unknown_code_is_taken_out_and_alerts(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    callback(conn, "t-1", "teapot")
    map_by_hand(conn, attempt, "t-1")

    assert rows(conn, "apply_waiting_callbacks") == [(attempt.user, attempt.generation, 0, None)]

    assert (state(conn, attempt).status, waiting(conn)) == ("pending", [])
    assert story(conn, attempt)[-1] == ("unclassified", False)
    assert open_alerts(conn, attempt.user) == ["callback_unclassified"]


def test_a_refund_that_raises_leaves_it_failed_and_owed(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    callback(conn, "t-1", "500")
    map_by_hand(conn, attempt, "t-1")

    with refunds_broken(conn):
        assert rows(conn, "apply_waiting_callbacks") == [
            (attempt.user, attempt.generation, 0, None)
        ]

    assert (state(conn, attempt).status, waiting(conn)) == ("failed", [])
    assert open_alerts(conn, attempt.user) == ["refund_failed"]
    assert [owed.credits_owed for owed in listed(conn)] == [10]
    assert rows(conn, "verify_ledger") == []


def test_a_callback_whose_turn_raises_goes_on_waiting(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    callback(conn, "t-1", "500")
    map_by_hand(conn, attempt, "t-1")
    before = waiting(conn)
    break_generations(conn, attempt.user)

    (row,) = rows(conn, "apply_waiting_callbacks")

    assert row[:3] == (attempt.user, attempt.generation, None)
    assert "generations_broken_on_purpose" in row.error
    assert waiting(conn) == before
    assert open_alerts(conn, attempt.user) == ["maintenance_failed"]


def test_a_mapping_to_nothing_is_reported(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    callback(conn, "t-1", "500")
    conn.execute(
        "select credits_internal.map_task(%s, %s, 'nanobanana', 't-1')",
        (attempt.user, attempt.charge),
    )

    (row,) = rows(conn, "apply_waiting_callbacks")

    assert row[:3] == (attempt.user, attempt.charge, None)
    assert row.error
    assert open_alerts(conn, attempt.user) == ["maintenance_failed"]


def test_a_hundred_are_served_where_no_limit_is_given(conn: psycopg.Connection[Any]) -> None:
    awaited(conn, 101)

    assert [len(rows(conn, "apply_waiting_callbacks")) for _ in range(3)] == [100, 1, 0]


def test_its_rows_have_the_columns_of_every_sweep(conn: psycopg.Connection[Any]) -> None:
    awaited(conn, 1)

    (row,) = rows(conn, "apply_waiting_callbacks")

    assert row._fields == ("user_id", "generation_id", "credits", "error")


def test_apps_and_analysts_may_not_call_it(database: Database) -> None:
    for role in ("credits_app", "credits_analyst"):
        with refused("42501"):
            rows(database.connect(role=role), "apply_waiting_callbacks")
    assert rows(database.connect(role="credits_operator"), "apply_waiting_callbacks") == []
