"""Sweeps beside sweeps beside traffic: each user is served once, and no sweep waits."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from stress.races.fire import (
    ISOLATION_LEVELS,
    balance,
    code_of,
    grant_due,
    isolated,
    ledger,
    refusals,
)
from support.api import call, new_user, rows
from support.clock import set_clock
from support.races import Session, at_once

if TYPE_CHECKING:
    import random
    import uuid

    from support.databases import Database

SWEEPS = ["expire_user_credits", "apply_allowances"]


def due_users(conn: psycopg.Connection[Any], n: int) -> list[uuid.UUID]:
    """Users with 20 credits that never expire, 5 that just have, and an allowance of 50 due."""
    users = [new_user() for _ in range(n)]
    for user in users:
        call(conn, "grant_user_credits", user, 20, p_priority=200)
        call(conn, "set_user_plan", user, "plus")
    grant_due(conn, users, 5)
    return users


def sweep_until_done(conn: psycopg.Connection[Any], name: str, limit: int) -> list[Any]:
    """Sweep until a run finds nobody. Other sweeps may still be at work then."""
    served = []
    while batch := rows(conn, name, p_limit=limit):
        served += batch
    return served


@pytest.mark.slow
def test_sweeps_beside_sweeps_beside_traffic(
    database: Database, conn: psycopg.Connection[Any], rng: random.Random
) -> None:
    users = due_users(conn, 120)
    orders = [rng.sample(users, len(users)) for _ in range(16)]

    def work(conn: psycopg.Connection[Any], i: int) -> list[Any]:
        if i < 8:
            return sweep_until_done(conn, SWEEPS[i % 2], limit=7)
        done = []
        for user in orders[i]:
            done.append(call(conn, "deduct_user_credits", user, 1))
            if i % 2:
                call(conn, "refund_user_credits", user, done[-1].transaction_id)
        return done

    # In READ COMMITTED nothing may fail: every deduction is covered.
    outcomes = [outcome.get() for outcome in at_once(database, 16, work)]
    for name in SWEEPS:
        sweep_until_done(conn, name, limit=1000)

    swept = [row for served in outcomes[:8] for row in served]
    assert [row.error for row in swept if row.error is not None] == []
    for user in users:
        written = Counter(ledger(conn, user))
        assert written["expiry", -5] == 1
        assert written["grant", 50] == 1
        assert written["deduction", -1] == 8
        assert written["refund", 1] == 4
        assert balance(conn, user) == 20 + 50 - 4


def test_sweeps_and_failures_at_once_share_one_rollover(
    database: Database, conn: psycopg.Connection[Any], rng: random.Random
) -> None:
    set_clock(conn, datetime(2031, 5, 31, 12, tzinfo=UTC))
    conn.execute("update credits.plans set rollover_max_credits = 35 where plan = 'plus'")
    users = [new_user() for _ in range(30)]
    for user in users:
        call(conn, "set_user_plan", user, "plus")
    rows(conn, "apply_allowances")
    # 20 of 50 are left, 30 are in flight, in two generations.
    generations = [
        call(conn, "start_generation", user, "acme", "image", price, p_timeout="10 days")
        for user in users
        for price in (18, 12)
    ]
    june = set_clock(conn, datetime(2031, 6, 1, tzinfo=UTC))
    orders = [rng.sample(generations, len(generations)) for _ in range(6)]

    def work(conn: psycopg.Connection[Any], i: int) -> None:
        if i < 2:
            sweep_until_done(conn, SWEEPS[i], limit=3)
            return
        for one in orders[i]:
            call(conn, "fail_generation", one.user_id, one.generation_id)

    for outcome in at_once(database, 6, work):
        outcome.get()
    for name in SWEEPS:
        sweep_until_done(conn, name, limit=1000)

    fresh = (
        "select l.source::text, l.expires_at, sum(l.granted)::bigint as credits"
        " from credits.credit_lots as l where l.user_id = %s and l.source <> 'allowance'"
        " group by l.source, l.expires_at order by l.source"
    )
    for user in users:
        assert conn.execute(fresh, (user,)).fetchall() == [
            ("refund", june + timedelta(days=1), 15),
            ("rollover", datetime(2031, 7, 1, tzinfo=UTC), 35),
        ]
        assert balance(conn, user) == 50 + 50


@pytest.mark.parametrize("level", ISOLATION_LEVELS)
@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_does_not_wait_for_a_busy_user(
    database: Database, conn: psycopg.Connection[Any], name: str, level: str
) -> None:
    busy, *others = due_users(conn, 4)

    with Session(database) as traffic, Session(database, **isolated(level)) as sweep:
        traffic.run("begin")
        call(traffic.conn, "set_low_balance_threshold", busy, 1)

        sweep.start_work(lambda conn: rows(conn, name))
        assert not sweep.is_blocked()
        assert {row.user_id for row in sweep.result()} == set(others)

        # The user that was busy is served by the next run.
        traffic.run("commit")
        assert {row.user_id for row in rows(sweep.conn, name)} == {busy}
        assert rows(sweep.conn, name) == []


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_does_not_wait_for_another(
    database: Database, conn: psycopg.Connection[Any], name: str
) -> None:
    users = due_users(conn, 4)

    with Session(database) as one, Session(database) as other:
        one.run("begin")
        served = {row.user_id for row in rows(one.conn, name, p_limit=3)}
        assert len(served) == 3

        other.start_work(lambda conn: rows(conn, name))
        assert not other.is_blocked()
        assert {row.user_id for row in other.result()} == set(users) - served

        one.run("rollback")
        assert {row.user_id for row in rows(other.conn, name)} == served


def test_traffic_of_a_user_whom_no_sweep_serves_does_not_wait(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    due_users(conn, 3)
    bystander = new_user()
    call(conn, "grant_user_credits", bystander, 10)

    with Session(database) as sweep, Session(database) as traffic:
        sweep.run("begin")
        for name in SWEEPS:
            assert len(rows(sweep.conn, name)) == 3

        traffic.start_work(lambda conn: call(conn, "deduct_user_credits", bystander, 4))
        assert not traffic.is_blocked()
        assert traffic.result().balance == 6
        sweep.run("commit")


@pytest.mark.parametrize("name", SWEEPS)
def test_one_broken_user_stops_nobody_else(
    database: Database, conn: psycopg.Connection[Any], name: str
) -> None:
    broken, *others = due_users(conn, 4)
    break_ledger_of(conn, broken, "P0001")

    served = {row.user_id: row for row in rows(conn, name)}

    assert set(served) == {broken, *others}
    assert served[broken].error == "broken on purpose"
    assert served[broken].credits is None
    assert {row.error for user, row in served.items() if user != broken} == {None}
    assert ledger(conn, broken) == [("grant", 20), ("grant", 5)]

    conn.execute("drop trigger broken on credits.credit_transactions")
    assert [(row.user_id, row.error) for row in rows(conn, name)] == [(broken, None)]


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_a_sweep_hides_no_error_that_asks_for_a_retry(
    database: Database, conn: psycopg.Connection[Any], name: str, sqlstate: str
) -> None:
    broken, *_ = due_users(conn, 3)
    break_ledger_of(conn, broken, sqlstate)

    with pytest.raises(psycopg.Error) as refusal:
        rows(conn, name)

    assert code_of(refusal.value) == sqlstate
    conn.execute("drop trigger broken on credits.credit_transactions")
    assert len(rows(conn, name)) == 3


@pytest.mark.slow
def test_sweeps_go_on_beside_a_broken_user(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    broken, *others = due_users(conn, 40)
    break_ledger_of(conn, broken, "P0001")

    def work(conn: psycopg.Connection[Any], i: int) -> list[Any]:
        served: list[list[Any]] = []
        # A broken user comes up in every run; a run that serves nobody else is the last.
        while not served or any(row.error is None for row in served[-1]):
            served.append(rows(conn, SWEEPS[i % 2], p_limit=5))
        return served

    outcomes = at_once(database, 6, work)

    assert not refusals(outcomes)
    conn.execute("drop trigger broken on credits.credit_transactions")
    for user in others:
        assert Counter(ledger(conn, user))["expiry", -5] == 1
    for name in SWEEPS:
        assert {row.user_id for row in sweep_until_done(conn, name, 100)} <= {broken}
    assert Counter(ledger(conn, broken))["expiry", -5] == 1


def break_ledger_of(conn: psycopg.Connection[Any], user: uuid.UUID, sqlstate: str) -> None:
    """Every ledger row of this user is refused from now on."""
    conn.execute(
        "create function public.break() returns trigger language plpgsql as"
        " $$ begin raise exception using errcode = tg_argv[1], message = 'broken on purpose';"
        " end $$"
    )
    conn.execute(
        "create trigger broken before insert on credits.credit_transactions for each row"
        f" when (new.user_id = '{user}') execute function public.break('{user}', '{sqlstate}')"
    )
