"""One user who is busy, broken, huge or slow costs the others of a sweep over generations nothing.

apply_waiting_callbacks has a frame of its own, and tests of its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql

from promises.generation_sweeps import HOUR, SWEEPS, Sweep
from support.api import new_user, refused
from support.attempts import PROVIDER, TYPE, fail, net, refunds, refunds_broken, start
from support.books import NOON, grant
from support.clock import set_clock
from support.races import Session

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import psycopg

    from support.databases import Database

pytestmark = pytest.mark.parametrize(
    "sweep",
    [sweep for sweep in SWEEPS if sweep.function != "apply_waiting_callbacks"],
    ids=lambda sweep: sweep.function,
)

#: More than a sweep with a limit of 100 ever looked at.
MANY = 1_101
START = (
    "select count(*) from generate_series(1, %s) as i"
    " cross join lateral credits.start_generation("
    f"%s, '{PROVIDER}', '{TYPE}', 1, p_metadata => jsonb_build_object('i', i)) as s"
)
# What a failure leaves whose refund raised.
OWE = """
with failed as (
    update credits.generations
    set status = 'failed', finished_at = now.at, refund_due_credits = 1,
        refund_owed_since = now.at, refund_tried_at = now.at, last_event_no = last_event_no + 1
    from (select credits_internal.clock() as at) as now
    returning *
)
insert into credits.generation_events (
    user_id, generation_id, event_no, event, status_before, applied, is_callback, created_at,
    payload
)
select user_id, generation_id, last_event_no, 'failure', 'pending', true, false, at, '{}'
from failed
"""


def crowd(conn: psycopg.Connection[Any], sweep: Sweep, n: int) -> UUID:
    """A user with so many that are due, all before those that `sweep.make_due` makes."""
    set_clock(conn, NOON - HOUR)
    user = new_user()
    grant(conn, user, n)
    conn.execute(START.encode(), (n, user))
    if sweep.function != "sweep_stuck_generations":
        conn.execute(OWE)
    return user


def make_turns_slow(conn: psycopg.Connection[Any], seconds: float, user: UUID | None) -> None:
    """Each refund (of this user) takes so long."""
    conn.execute(
        "create function public.wait_a_while() returns trigger language plpgsql"
        f" as $$ begin perform pg_sleep({seconds}); return new; end $$".encode()
    )
    condition = sql.SQL("true") if user is None else sql.SQL("new.user_id = {}").format(str(user))
    conn.execute(
        sql.SQL(
            "create trigger wait_a_while before insert on credits.refund_totals"
            " for each row when ({}) execute function public.wait_a_while()"
        ).format(condition)
    )


def test_a_busy_user_of_many_costs_the_others_nothing(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    busy = crowd(conn, sweep, MANY)
    others = sweep.make_due(conn, 3)

    with Session(database) as holder:
        holder.run("begin")
        holder.run("select from credits.user_credits where user_id = %s for update", (busy,))
        assert sweep.run(conn, p_limit=100) == [sweep.row(attempt) for attempt in others]


def test_a_broken_user_of_many_costs_the_others_nothing(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    broken = crowd(conn, sweep, MANY)
    others = sweep.make_due(conn, 3)
    sweep.break_user(conn, broken)

    failed, *served = sweep.run(conn, p_limit=100)

    assert failed.user_id == broken
    assert "broken_on_purpose" in failed.error
    assert served == [sweep.row(attempt) for attempt in others]


def test_a_user_of_many_who_can_be_served_leaves_the_others_their_turns(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    huge = crowd(conn, sweep, 45)
    others = sweep.make_due(conn, 3)

    first, second, third = (sweep.run(conn, p_limit=20) for _ in range(3))

    assert [row for row in first if row.user_id != huge] == [sweep.row(a) for a in others]
    # What is left of the limit is for whoever waits, and nothing is left in the end.
    assert [len(run) for run in (first, second, third)] == [20, 20, 8]
    assert sweep.run(conn) == []


def test_broken_users_come_again_only_after_all_others(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 8)
    broken, others = attempts[:6], attempts[6:]
    conn.execute(
        sql.SQL(
            "alter table credits.generations"
            " add constraint generations_broken_on_purpose check (user_id in ({})) not valid"
        ).format(sql.SQL(", ").join(sql.Literal(str(attempt.user)) for attempt in others))
    )

    runs = [sweep.run(conn, p_limit=2) for _ in range(5)]

    assert [row.generation_id for run in runs for row in run] == [
        attempt.generation for attempt in (*attempts, *broken[:2])
    ]
    assert [net(conn, attempt) for attempt in others] == [0, 0]


def one_more(conn: psycopg.Connection[Any], sweep: Sweep, at: datetime) -> None:
    """One that becomes due at this time."""
    set_clock(conn, at - HOUR)
    if sweep.function == "sweep_stuck_generations":
        start(conn, p_timeout=HOUR)
        set_clock(conn, at)
        return
    attempt = start(conn)
    set_clock(conn, at)
    with refunds_broken(conn):
        assert not fail(conn, attempt).refunded


def test_who_was_passed_over_is_reached_however_many_become_due_meanwhile(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    busy, other = sweep.make_due(conn, 2)
    with Session(database) as holder:
        holder.run("begin")
        holder.run("select from credits.user_credits where user_id = %s for update", (busy.user,))
        assert sweep.run(conn, p_limit=1) == [sweep.row(other)]
        holder.run("rollback")

    served = []
    for hours in range(1, 5):
        one_more(conn, sweep, NOON + (2 + hours) * HOUR)
        served += sweep.run(conn, p_limit=1)

    assert sweep.row(busy) in served


def test_refunds_that_fail_each_time_keep_nobody_from_a_turn(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    if sweep.function == "sweep_stuck_generations":
        pytest.skip("its deadlines do not move")
    busy, *broken = sweep.make_due(conn, 5)
    conn.execute(
        sql.SQL(
            "alter table credits.refund_totals"
            " add constraint refund_totals_broken check (user_id = {}) not valid"
        ).format(sql.Literal(str(busy.user)))
    )
    with Session(database) as holder:
        holder.run("begin")
        holder.run("select from credits.user_credits where user_id = %s for update", (busy.user,))
        assert len(sweep.run(conn, p_limit=2)) == 2
        holder.run("rollback")

    # Each failure is tried again later than all others: without an end.
    served = []
    for minutes in range(1, 6):
        set_clock(conn, NOON + HOUR + minutes * timedelta(minutes=1))
        served += sweep.run(conn, p_limit=2)

    assert sweep.row(busy) in served
    assert {row.user_id for row in served} == {a.user for a in (busy, *broken)}


def test_a_call_ends_by_itself_before_a_timeout_would_undo_it(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 15)
    make_turns_slow(conn, 0.2, user=None)
    conn.execute("set statement_timeout = '2s'")

    served = sweep.run(conn)

    assert 0 < len(served) < 15
    assert served == [sweep.row(attempt) for attempt in attempts[: len(served)]]
    # The next one goes on from there.
    assert sweep.run(conn, p_limit=1) == [sweep.row(attempts[len(served)])]


def test_a_turn_that_outlasts_the_timeout_is_not_the_first_of_every_call(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    slow, other = sweep.make_due(conn, 2)
    make_turns_slow(conn, 60, user=slow.user)
    conn.execute("set statement_timeout = '500ms'")

    (row,) = sweep.run(conn)
    assert (row.user_id, refunds(conn, slow)) == (slow.user, [])
    assert "statement timeout" in row.error

    assert sweep.run(conn, p_limit=1) == [sweep.row(other)]


def test_whoever_cancels_a_sweep_by_hand_gets_the_error(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    sweep.make_due(conn, 1)
    make_turns_slow(conn, 60, user=None)

    with Session(database) as sweeper:
        sweeper.start(sweep.sql)
        while not conn.execute(
            "select from pg_stat_activity where pid = %s and wait_event = 'PgSleep'",
            (sweeper.pid,),
        ).rowcount:
            pass
        sweeper.conn.cancel()
        with refused("57014"):
            sweeper.result()


def test_a_generation_that_somebody_holds_is_not_waited_for(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    held, other = sweep.make_due(conn, 2)

    with Session(database) as holder, Session(database) as sweeper:
        holder.run("begin")
        holder.run(
            "select from credits.generations where generation_id = %s for update",
            (held.generation,),
        )
        sweeper.start(sweep.sql)
        assert not sweeper.is_blocked()
        assert sweeper.result() == [sweep.row(other)]
        holder.run("rollback")

    assert sweep.run(conn) == [sweep.row(held)]


def test_a_position_that_somebody_holds_is_not_waited_for(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    attempts = sweep.make_due(conn, 3)

    with Session(database) as holder:
        holder.run("begin")
        holder.run("select from credits.sweep_positions for update")
        runs = [sweep.run(conn, p_limit=1) for _ in range(3)]

    assert runs == [[sweep.row(attempt)] for attempt in attempts]


def test_a_turn_does_not_read_all_that_the_turns_before_have_written(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    sweep.make_due(conn, 20)
    # As the planner knows it at the first outage: empty.
    conn.execute("vacuum (analyze) credits.refund_totals")

    with conn.transaction():
        assert len(sweep.run(conn)) == 20
        read = conn.execute(
            "select seq_tup_read as rows from pg_stat_xact_user_tables"
            " where relname = 'refund_totals'"
        ).fetchone()

    assert read is not None
    assert read.rows == 0
