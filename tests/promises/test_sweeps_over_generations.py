"""What holds for every sweep over generations, whatever it does for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promises.generation_sweeps import SWEEPS, Sweep
from support.api import new_user, refused
from support.attempts import (
    alerts,
    break_generations,
    mend_generations,
    net,
    raise_in_refunds,
    refunds,
    start,
    state,
)
from support.books import balance, grant, no_trace, refused_argument
from support.races import Session, at_once

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

pytestmark = pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.function)


def test_everyone_who_is_due_is_served_once(conn: psycopg.Connection[Any], sweep: Sweep) -> None:
    attempts = sweep.make_due(conn, 5)
    assert [refunds(conn, attempt) for attempt in attempts] == [[]] * 5

    served = sweep.run(conn)

    # Those that have waited longest first.
    assert served == [sweep.row(attempt) for attempt in attempts]
    assert [refunds(conn, attempt) for attempt in attempts] == [[10]] * 5
    assert [balance(conn, attempt.user) for attempt in attempts] == [100] * 5
    with no_trace(conn):
        assert sweep.run(conn) == []


def test_with_nobody_due_nothing_happens(conn: psycopg.Connection[Any], sweep: Sweep) -> None:
    start(conn, task="t-1")

    with no_trace(conn):
        assert sweep.run(conn) == []


def test_the_limit_is_kept_and_the_rest_is_served_next(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 5)

    runs = [sweep.run(conn, p_limit=2) for _ in range(4)]

    assert [len(run) for run in runs] == [2, 2, 1, 0]
    assert [row for run in runs for row in run] == [sweep.row(attempt) for attempt in attempts]


@pytest.mark.parametrize("limit", [None, 0, -1, -(2**31)])
def test_a_limit_that_makes_no_sense_is_refused(
    conn: psycopg.Connection[Any], sweep: Sweep, limit: int | None
) -> None:
    sweep.make_due(conn, 1)

    value = None if limit is None else str(limit)
    with refused_argument(conn, "p_limit", value=value):
        sweep.run(conn, p_limit=limit)


def test_the_largest_limit_is_no_overflow(conn: psycopg.Connection[Any], sweep: Sweep) -> None:
    (attempt,) = sweep.make_due(conn, 1)

    assert sweep.run(conn, p_limit=2**31 - 1) == [sweep.row(attempt)]


def test_several_of_one_user_are_served_in_one_run(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    user = new_user()
    grant(conn, user, 30)
    attempts = sweep.make_due(conn, 3, user)

    assert sweep.run(conn) == [sweep.row(attempt) for attempt in attempts]
    assert balance(conn, user) == 30


def test_a_broken_user_stops_nobody_else_and_is_reported(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 4)
    broken, others = attempts[1], [attempts[0], *attempts[2:]]
    sweep.break_user(conn, broken.user)
    before = state(conn, broken)

    served = {row.user_id: row for row in sweep.run(conn)}

    assert served.keys() == {attempt.user for attempt in attempts}
    assert [served[attempt.user] for attempt in others] == [sweep.row(a) for a in others]
    assert served[broken.user].generation_id == broken.generation
    assert "broken_on_purpose" in served[broken.user].error
    # Nothing was done by halves.
    assert (state(conn, broken), refunds(conn, broken)) == (before, [])
    assert [net(conn, attempt) for attempt in others] == [0] * 3

    sweep.mend(conn)
    assert sweep.run(conn) == [sweep.row(broken)]


def test_a_turn_that_raises_anywhere_stops_nobody_else_and_alerts(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 3)
    broken, others = attempts[0], attempts[1:]
    break_generations(conn, broken.user)

    served = {row.user_id: row for row in sweep.run(conn)}

    assert served.keys() == {attempt.user for attempt in attempts}
    assert "broken_on_purpose" in served[broken.user].error
    assert [net(conn, attempt) for attempt in others] == [0] * 2
    (alert,) = alerts(conn, broken.user, "maintenance_failed")
    assert (alert.level, alert.occurrences) == ("error", 1)
    assert (alert.dedup_key, alert.generation_id) == (sweep.function, broken.generation)
    assert alert.resolved_at is None
    assert sweep.function in alert.message
    assert "broken_on_purpose" in alert.message

    sweep.run(conn)
    (alert,) = alerts(conn, broken.user, "maintenance_failed")
    assert alert.occurrences == 2

    mend_generations(conn)
    assert sweep.run(conn) == [sweep.row(broken)]


def test_a_broken_user_does_not_use_up_the_limit_for_ever(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 3)
    sweep.break_user(conn, attempts[0].user)

    for _ in range(6):
        sweep.run(conn, p_limit=1)

    assert [net(conn, attempt) for attempt in attempts] == [10, 0, 0]


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_what_a_retry_would_mend_ends_the_whole_run(
    conn: psycopg.Connection[Any], sweep: Sweep, sqlstate: str
) -> None:
    attempts = sweep.make_due(conn, 3)
    raise_in_refunds(conn, sqlstate, attempts[1].user)

    with no_trace(conn), refused(sqlstate):
        sweep.run(conn)


def test_a_busy_user_is_skipped_and_not_waited_for(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 3)
    busy, others = attempts[1], [attempts[0], attempts[2]]
    lock = "select from credits.user_credits where user_id = %s for no key update"

    with Session(database) as holder, Session(database) as sweeper:
        holder.run("begin")
        holder.run(lock, (busy.user,))
        sweeper.start(sweep.sql)
        assert not sweeper.is_blocked()
        served = sweeper.result()
        holder.run("rollback")

    assert served == [sweep.row(attempt) for attempt in others]
    assert refunds(conn, busy) == []
    assert sweep.run(conn) == [sweep.row(busy)]


def test_busy_users_do_not_use_up_the_limit(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 3)
    lock = "select from credits.user_credits where user_id = any (%s) for no key update"

    with Session(database) as holder:
        holder.run("begin")
        holder.run(lock, ([attempt.user for attempt in attempts[:2]],))
        assert sweep.run(conn, p_limit=1) == [sweep.row(attempts[2])]


def test_a_user_whose_row_is_only_referred_to_is_not_busy(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    (attempt,) = sweep.make_due(conn, 1)

    with Session(database) as referring:
        # What a foreign key of the application's would hold.
        referring.run("begin")
        referring.run(
            "select from credits.user_credits where user_id = %s for key share", (attempt.user,)
        )
        assert sweep.run(conn) == [sweep.row(attempt)]


def test_runs_at_once_serve_each_once(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 40)

    runs = at_once(database, 4, lambda session, _: sweep.run(session))

    assert sorted(row for run in runs for row in run.get()) == sorted(
        sweep.row(attempt) for attempt in attempts
    )
    assert [refunds(conn, attempt) for attempt in attempts] == [[10]] * 40


def test_what_another_run_has_served_meanwhile_is_not_served_again(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 2)

    with Session(database) as holder, Session(database) as sweeper:
        holder.run("begin")
        holder.run(
            "select from credits.credit_lots where user_id = %s for update", (attempts[0].user,)
        )
        # It has seen both as due, and waits at the first.
        sweeper.start(sweep.sql)
        assert sweeper.is_blocked(by=holder)
        assert sweep.run(conn) == [sweep.row(attempts[1])]
        holder.run("rollback")
        assert sweeper.result() == [sweep.row(attempts[0])]

    assert [refunds(conn, attempt) for attempt in attempts] == [[10], [10]]


def test_a_session_that_sees_an_old_state_is_told(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    (attempt,) = sweep.make_due(conn, 1)

    with Session(database) as stale:
        stale.run("begin isolation level repeatable read")
        stale.run("select from credits.user_credits")
        assert sweep.run(conn) == [sweep.row(attempt)]
        with no_trace(conn), refused("40001"):
            stale.run(sweep.sql)
        stale.run("rollback")


def test_a_caller_that_rolls_back_undoes_it_all(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 2)

    with no_trace(conn), Session(database) as caller:
        caller.run("begin")
        assert len(caller.run(sweep.sql)) == 2
        caller.run("rollback")

    assert sweep.run(conn) == [sweep.row(attempt) for attempt in attempts]
