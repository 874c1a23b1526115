"""What holds for every sweep, whatever it does for a user."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from psycopg import sql

from objects.maintenance.users_to_sweep import SWEEPS, Sweep
from support.api import new_user, refused, rows
from support.books import NOON, entries, no_trace, refused_argument
from support.clock import set_clock
from support.races import Session, at_once

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

pytestmark = pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.function)


def ledger_balances(conn: psycopg.Connection[Any], users: list[UUID]) -> list[int]:
    """The users' balances by the ledger, in their order."""
    found = conn.execute("select user_id, balance from credits.user_credits").fetchall()
    by_user = {row.user_id: row.balance for row in found}
    return [by_user[user] for user in users]


def break_user(conn: psycopg.Connection[Any], user: UUID) -> None:
    """No ledger row can be written for this user any more."""
    conn.execute(
        sql.SQL(
            "alter table credits.credit_transactions"
            " add constraint credit_transactions_not_for_one check (user_id <> {}) not valid"
        ).format(sql.Literal(str(user)))
    )


def mend_user(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "alter table credits.credit_transactions drop constraint credit_transactions_not_for_one"
    )


def test_everyone_who_is_due_is_served_once(conn: psycopg.Connection[Any], sweep: Sweep) -> None:
    users = sweep.make_due(conn, 5)

    served = rows(conn, sweep.function)

    assert sorted(served) == sorted(sweep.row(user) for user in users)
    assert ledger_balances(conn, users) == [sweep.before + sweep.credits] * 5
    with no_trace(conn):
        assert rows(conn, sweep.function) == []


def test_with_nobody_due_nothing_happens(conn: psycopg.Connection[Any], sweep: Sweep) -> None:
    with no_trace(conn):
        assert rows(conn, sweep.function) == []


def test_the_limit_is_kept_and_the_rest_is_served_next(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 5)

    runs = [rows(conn, sweep.function, 2) for _ in range(4)]

    assert [len(run) for run in runs] == [2, 2, 1, 0]
    assert sorted(row for run in runs for row in run) == sorted(sweep.row(user) for user in users)


def test_a_hundred_users_are_served_where_no_limit_is_given(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 101)

    first, second = rows(conn, sweep.function), rows(conn, sweep.function)

    assert (len(first), len(second)) == (100, 1)
    assert {row.user_id for row in first + second} == set(users)


@pytest.mark.parametrize("limit", [None, 0, -1, -(2**31)])
def test_a_limit_that_makes_no_sense_is_refused(
    conn: psycopg.Connection[Any], sweep: Sweep, limit: int | None
) -> None:
    sweep.make_due(conn, 1)

    value = None if limit is None else str(limit)
    with refused_argument(conn, "p_limit", value=value):
        rows(conn, sweep.function, p_limit=limit)


def test_a_broken_user_stops_nobody_else_and_is_reported(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 4)
    broken, others = users[1], [users[0], *users[2:]]
    break_user(conn, broken)
    before = conn.execute(
        "select * from credits.user_credits where user_id = %s", (broken,)
    ).fetchall()

    served = {row.user_id: row for row in rows(conn, sweep.function)}

    assert served.keys() == set(users)
    assert [served[user] for user in others] == [sweep.row(user) for user in others]
    assert (served[broken].generation_id, served[broken].credits) == (None, None)
    assert "credit_transactions_not_for_one" in served[broken].error
    # Nothing was done by halves.
    assert (
        conn.execute("select * from credits.user_credits where user_id = %s", (broken,)).fetchall()
        == before
    )
    assert ledger_balances(conn, others) == [sweep.before + sweep.credits] * 3

    mend_user(conn)
    assert rows(conn, sweep.function) == [sweep.row(broken)]


def test_a_broken_user_does_not_use_up_the_limit_for_ever(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 3)
    break_user(conn, users[0])

    for _ in range(6):
        rows(conn, sweep.function, 1)

    assert ledger_balances(conn, users) == [
        sweep.before,
        sweep.before + sweep.credits,
        sweep.before + sweep.credits,
    ]


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_what_a_retry_would_mend_ends_the_whole_run(
    conn: psycopg.Connection[Any], sweep: Sweep, sqlstate: str
) -> None:
    users = sweep.make_due(conn, 3)
    conn.execute(
        sql.SQL(
            "create function public.conflict() returns trigger language plpgsql"
            " as $$ begin raise exception using errcode = {}, message = 'of two'; end $$"
        ).format(sql.Literal(sqlstate))
    )
    conn.execute(
        sql.SQL(
            "create trigger conflict before insert on credits.credit_transactions"
            " for each row when (new.user_id = {}) execute function public.conflict()"
        ).format(sql.Literal(str(users[1])))
    )

    with no_trace(conn), refused(sqlstate):
        rows(conn, sweep.function)


def test_a_busy_user_is_skipped_and_not_waited_for(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 3)
    busy, others = users[1], [users[0], users[2]]
    lock = "select from credits.user_credits where user_id = %s for no key update"

    with Session(database) as holder, Session(database) as sweeper:
        holder.run("begin")
        holder.run(lock, (busy,))
        sweeper.start(f"select * from credits.{sweep.function}()")
        assert not sweeper.is_blocked()
        served = sweeper.result()
        holder.run("rollback")

    assert sorted(served) == sorted(sweep.row(user) for user in others)
    assert ledger_balances(conn, [busy]) == [sweep.before]
    assert rows(conn, sweep.function) == [sweep.row(busy)]


def test_a_user_whose_row_is_only_referred_to_is_not_busy(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    (user,) = sweep.make_due(conn, 1)

    with Session(database) as referring:
        # What a foreign key of the application's would hold.
        referring.run("begin")
        referring.run("select from credits.user_credits where user_id = %s for key share", (user,))
        assert rows(conn, sweep.function) == [sweep.row(user)]


def test_runs_at_once_serve_each_user_once(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 60)

    runs = at_once(database, 4, lambda session, _: rows(session, sweep.function))

    assert sorted(row for run in runs for row in run.get()) == sorted(
        sweep.row(user) for user in users
    )
    assert [len(entries(conn, user)) for user in users[:3]] == [len(entries(conn, users[-1]))] * 3
    assert ledger_balances(conn, users) == [sweep.before + sweep.credits] * 60


def test_a_session_that_sees_an_old_state_is_told(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    (user,) = sweep.make_due(conn, 1)

    with Session(database) as stale:
        stale.run("begin isolation level repeatable read")
        stale.run("select from credits.user_credits")
        assert rows(conn, sweep.function) == [sweep.row(user)]
        with no_trace(conn), refused("40001"):
            stale.run(f"select * from credits.{sweep.function}()")
        stale.run("rollback")


def test_a_caller_that_rolls_back_undoes_it_all(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 2)

    with no_trace(conn), Session(database) as caller:
        caller.run("begin")
        assert len(caller.run(f"select * from credits.{sweep.function}()")) == 2
        caller.run("rollback")

    assert sorted(rows(conn, sweep.function)) == sorted(sweep.row(user) for user in users)


def test_a_user_without_anything_due_is_left_alone(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    (due,) = sweep.make_due(conn, 1)
    idle = new_user()
    rows(conn, "grant_user_credits", idle, 7)
    before = entries(conn, idle)

    assert rows(conn, sweep.function) == [sweep.row(due)]

    assert entries(conn, idle) == before


# --- what goes on for long ------------------------------------------------------------------------


def entries_read(conn: psycopg.Connection[Any]) -> int:
    """How many entries of indexes on user_credits have been read so far, dead ones included."""
    conn.execute("select pg_stat_force_next_flush()")
    (row,) = conn.execute(
        "select sum(idx_tup_read)::integer as entries from pg_stat_user_indexes"
        " where relid = 'credits.user_credits'::regclass"
    ).fetchall()
    return int(row.entries)


def users_read(conn: psycopg.Connection[Any]) -> int:
    """How many rows of user_credits this session has read lately, index by index or not."""
    (row,) = conn.execute(
        "select coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::integer as users"
        " from pg_stat_xact_user_tables where relid = 'credits.user_credits'::regclass"
    ).fetchall()
    return int(row.users)


def test_a_batch_reads_little_more_than_those_whom_it_serves(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    sweep.make_many_due(conn, 1500)
    assert len(rows(conn, sweep.function, 1500)) == 1500
    sweep.make_due(conn, 20)
    conn.execute("analyze")

    with conn.transaction():
        before = users_read(conn)
        served = rows(conn, sweep.function, 10)
        read = users_read(conn) - before

    assert len(served) == 10
    # Some statements of each of the ten turns read the user's row.
    assert read < 200


def test_a_snapshot_that_somebody_holds_makes_no_batch_longer_than_the_first(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    sweep.make_many_due(conn, 600)
    # As where all users are too many to be read.
    conn.execute("analyze")
    conn.execute("set enable_seqscan = off")
    conn.execute("set enable_bitmapscan = off")

    def read_in_a_batch() -> int:
        before = entries_read(conn)
        assert len(rows(conn, sweep.function, 10)) == 10
        return entries_read(conn) - before

    with Session(database) as holder:
        # It keeps what the sweep leaves behind of each user whom it serves.
        holder.run("begin isolation level repeatable read")
        holder.run("select from credits.user_credits limit 1")
        first = read_in_a_batch()
        assert len(rows(conn, sweep.function, 500)) == 500
        last = read_in_a_batch()
        holder.run("rollback")

    # Each of the ten was read by some statements, and some of their earlier versions with them.
    assert last < first + 100


def test_a_turn_that_lasts_until_the_timeout_keeps_nobody_waiting(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 4)
    slow, others = users[1], [users[0], *users[2:]]
    let_turns_last(conn, slow, "60")
    conn.execute("set statement_timeout = '400ms'")

    runs = [rows(conn, sweep.function) for _ in range(2)]
    conn.execute("set statement_timeout = 0")

    # The second call goes on behind the slow one, who comes again last.
    assert [[row.user_id for row in run] for run in runs] == [users[:2], [*users[2:], slow]]
    failed = [row for run in runs for row in run if row.error is not None]
    assert [row.user_id for row in failed] == [slow, slow]
    assert "timeout" in failed[0].error
    assert ledger_balances(conn, others) == [sweep.before + sweep.credits] * 3
    assert ledger_balances(conn, [slow]) == [sweep.before]

    conn.execute("drop trigger slow on credits.credit_transactions")
    assert rows(conn, sweep.function) == [sweep.row(slow)]


def test_a_call_ends_by_itself_before_the_timeout_does_it(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 12)
    let_turns_last(conn, None, "0.1")
    conn.execute("set statement_timeout = '1s'")

    served: list[Any] = []
    while len(served) < len(users):
        batch = rows(conn, sweep.function)
        assert 0 < len(batch) < len(users)
        served += batch

    assert served == [sweep.row(user) for user in users]
    conn.execute("set statement_timeout = 0")


def test_whoever_cancels_a_sweep_by_hand_gets_the_error(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 2)
    let_turns_last(conn, users[1], "60")

    with no_trace(conn), Session(database) as sweeper:
        sweeper.start(f"select * from credits.{sweep.function}()")
        with database.connect() as watcher:
            while not watcher.execute(
                "select from pg_stat_activity where pid = %s and wait_event = 'PgSleep'",
                (sweeper.pid,),
            ).rowcount:
                pass
        sweeper.conn.cancel()
        with refused("57014"):
            sweeper.result()


@pytest.mark.slow
def test_whoever_cancels_by_hand_before_the_timeout_gets_the_error(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    (user,) = sweep.make_due(conn, 1)
    let_turns_last(conn, user, "60")

    with no_trace(conn), Session(database) as sweeper, database.connect() as watcher:
        sweeper.run("set statement_timeout = '10s'")
        sweeper.start(f"select * from credits.{sweep.function}()")
        # More than half of its time, less than all of it.
        while not watcher.execute(
            "select from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"
            " and query_start < clock_timestamp() - interval '5.2 seconds'",
            (sweeper.pid,),
        ).rowcount:
            pass
        sweeper.conn.cancel()
        with refused("57014") as refusal:
            sweeper.result()

    assert "user request" in str(refusal.error)


def test_nobody_waits_for_a_position_that_somebody_holds_locked(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 3)

    with Session(database) as holder, Session(database) as sweeper:
        holder.run("begin")
        holder.run("select from credits.sweep_positions for update")
        for user in users:
            sweeper.start(f"select * from credits.{sweep.function}(1)")
            assert not sweeper.is_blocked()
            assert sweeper.result() == [sweep.row(user)]
        holder.run("rollback")


def test_a_position_that_is_lost_means_from_the_beginning(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    users = sweep.make_due(conn, 3)
    conn.execute("delete from credits.sweep_positions")

    assert [rows(conn, sweep.function, 1) for _ in users] == [[sweep.row(user)] for user in users]


def test_many_for_whom_the_other_sweep_is_due_hide_nobody(
    conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    (other,) = [other for other in SWEEPS if other != sweep]
    other.make_many_due(conn, 1101)
    (user,) = sweep.make_due(conn, 1)

    runs = [rows(conn, sweep.function) for _ in range(2)]

    assert [row for run in runs for row in run] == [sweep.row(user)]


def due_yesterday(conn: psycopg.Connection[Any], sweep: Sweep) -> UUID:
    """A user who is due before all others; the clock stands at noon then."""
    user = new_user()
    set_clock(conn, NOON - timedelta(days=1))
    if sweep.function == "expire_user_credits":
        rows(conn, "grant_user_credits", user, 10, "promo", NOON - timedelta(hours=1))
    else:
        rows(conn, "set_user_plan", user, "plus")
    set_clock(conn, NOON)
    return user


def test_many_for_whom_the_other_sweep_is_due_hide_nobody_behind_a_busy_user(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    (other,) = [other for other in SWEEPS if other != sweep]
    busy = due_yesterday(conn, sweep)

    with Session(database) as holder:
        holder.run("begin")
        holder.run("select from credits.user_credits where user_id = %s for update", (busy,))
        assert rows(conn, sweep.function) == []
        other.make_many_due(conn, 1101)
        (user,) = sweep.make_due(conn, 1)
        # A call looks at 1,100 users.
        runs = [rows(conn, sweep.function) for _ in range(3)]
        holder.run("rollback")

    assert [row for run in runs for row in run] == [sweep.row(user)]


def test_who_was_passed_over_comes_before_those_who_became_due_later(
    database: Database, conn: psycopg.Connection[Any], sweep: Sweep
) -> None:
    busy = due_yesterday(conn, sweep)
    sweep.make_due(conn, 1)

    with Session(database) as holder:
        holder.run("begin")
        holder.run("select from credits.user_credits where user_id = %s for update", (busy,))
        assert len(rows(conn, sweep.function, 1)) == 1
        holder.run("rollback")
    later = NOON + timedelta(days=1)
    set_clock(conn, later)
    user = new_user()
    if sweep.function == "expire_user_credits":
        rows(conn, "grant_user_credits", user, 10, "promo", later + timedelta(hours=1))
    else:
        rows(conn, "set_user_plan", user, "plus")
    set_clock(conn, later + timedelta(hours=2))

    assert [rows(conn, sweep.function, 1) for _ in range(2)] == [
        [sweep.row(busy)],
        [sweep.row(user)],
    ]


def let_turns_last(conn: psycopg.Connection[Any], user: UUID | None, seconds: str) -> None:
    """Each ledger row of the user, or of everybody, takes so long to write."""
    conn.execute(
        sql.SQL(
            "create function public.slow() returns trigger language plpgsql"
            " as $$ begin perform pg_sleep({}); return new; end $$"
        ).format(sql.Literal(seconds))
    )
    conn.execute(
        sql.SQL(
            "create trigger slow before insert on credits.credit_transactions"
            " for each row when (new.user_id = {} or {}) execute function public.slow()"
        ).format(sql.Literal(str(user or UUID(int=0))), sql.Literal(user is None))
    )
