"""What holds for every sweep, whatever it does for a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql

from objects.maintenance.users_to_sweep import SWEEPS, Sweep
from support.api import new_user, refused, rows
from support.books import entries, no_trace, refused_argument
from support.races import Session, at_once

if TYPE_CHECKING:
    from uuid import UUID

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
