"""L18: a sweeper and a late callback both refund; or one refunds and the provider still bills."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from support.api import rows
from support.attempts import (
    alerts,
    callback,
    complete,
    events,
    generation,
    net,
    open_alerts,
    refunds,
    start,
    state,
)
from support.books import NOON, balance
from support.clock import set_clock
from support.races import Session, at_once

if TYPE_CHECKING:
    import psycopg

    from support.attempts import Attempt
    from support.databases import Database

CALLBACK = "select * from credits.handle_provider_callback('nanobanana', %s, %s)"
SWEEP = "select * from credits.sweep_stuck_generations()"
HOUR = timedelta(hours=1)


def _overdue(conn: psycopg.Connection[Any], task: str = "t-1") -> Attempt:
    set_clock(conn, NOON)
    attempt = start(conn, 10, task=task)
    set_clock(conn, NOON + HOUR)
    return attempt


def test_l18_a_failure_after_the_sweep_refunds_nothing_more(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = _overdue(conn)
    rows(conn, "sweep_stuck_generations")

    late = callback(conn, "t-1", "500")

    assert (late.status, late.applied, late.replayed) == ("timed_out", False, True)
    assert (late.refunded, late.credits_refunded) == (True, 10)
    assert refunds(conn, attempt) == [10]


def test_l18_a_sweep_after_the_failure_refunds_nothing_more(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = _overdue(conn)
    callback(conn, "t-1", "500")

    assert rows(conn, "sweep_stuck_generations") == []

    assert (state(conn, attempt).status, refunds(conn, attempt)) == ("failed", [10])


def test_l18_a_sweep_passes_by_whom_a_callback_is_settling(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    attempt = _overdue(conn)

    with Session(database) as provider, Session(database) as sweeper:
        provider.run("begin")
        provider.run(CALLBACK, ("t-1", "500"))
        sweeper.start(SWEEP)
        assert not sweeper.is_blocked()
        assert sweeper.result() == []
        provider.run("commit")

    assert rows(conn, "sweep_stuck_generations") == []
    assert refunds(conn, attempt) == [10]


@pytest.mark.parametrize("code", ["500", "200"])
def test_l18_a_callback_waits_for_the_sweep_and_sees_what_it_did(
    database: Database, conn: psycopg.Connection[Any], code: str
) -> None:
    attempt = _overdue(conn)

    with Session(database) as sweeper, Session(database) as provider:
        sweeper.run("begin")
        assert len(sweeper.run(SWEEP)) == 1
        provider.start(CALLBACK, ("t-1", code))
        assert provider.is_blocked(by=sweeper)
        sweeper.run("commit")
        (late,) = provider.result()

    assert (late.status, late.applied, late.refunded) == ("timed_out", False, True)
    assert refunds(conn, attempt) == [10]


def test_l18_at_once_they_refund_once(database: Database, conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempts = [start(conn, 10, task=f"t-{n}") for n in range(30)]
    set_clock(conn, NOON + HOUR)

    def act(session: psycopg.Connection[Any], i: int) -> None:
        for n in range(30):
            if i % 2:
                rows(session, "sweep_stuck_generations", 1)
            else:
                callback(session, f"t-{n if i else 29 - n}", "500")

    for outcome in at_once(database, 4, act):
        outcome.get()

    assert [refunds(conn, attempt) for attempt in attempts] == [[10]] * 30
    assert {balance(conn, attempt.user) for attempt in attempts} == {100}


@pytest.mark.parametrize("by", ["callback", "application"])
def test_l18_a_late_success_is_billed_and_an_operator_is_told(
    conn: psycopg.Connection[Any], by: str
) -> None:
    """The user keeps the refund, gets no result, and we know what it cost us."""
    attempt = _overdue(conn)
    rows(conn, "sweep_stuck_generations")
    cost = Decimal("0.04")

    if by == "callback":
        late = callback(conn, "t-1", "200", p_cost_usd=cost)
    else:
        late = complete(conn, attempt, p_cost_usd=cost)

    # Whoever delivers only what succeeded does not deliver this.
    assert (late.status, late.applied, late.refunded) == ("timed_out", False, True)
    assert (net(conn, attempt), balance(conn, attempt.user)) == (0, 100)
    row = generation(conn, attempt)
    assert (row.cost_usd, row.provider_billed) == (cost, True)
    assert (events(conn, attempt)[-1].event, events(conn, attempt)[-1].applied) == (
        "success",
        False,
    )
    assert open_alerts(conn, attempt.user) == ["late_success_after_refund"]
    (alert,) = alerts(conn, attempt.user)
    assert (alert.level, alert.generation_id) == ("warning", attempt.generation)
