from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace
from psycopg.sql import SQL, Identifier, Literal, Placeholder

from command_line.adopt import systems
from command_line.adopt.older import closed
from command_line.adopt.systems import Nobody
from objects.users.ids import hashed
from pgcredits.adopt.compat.installing import install
from pgcredits.adopt.errors import AdoptionError, PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move import cut_over, history
from pgcredits.adopt.move.progress import Run
from pgcredits.adopt.move.proving import Difference, prove
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.plan.fitting import require_fit
from pgcredits.adopt.plan.model import Balances, Bucket, Plan
from pgcredits.adopt.source.queries import next_reset
from support.api import call, refused, rows, value
from support.clock import set_clock
from support.races import Session

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

Conn = psycopg.Connection[Any]


def planned(conn: Conn, shape: str, *, dirty: bool) -> Plan:
    """A system of this shape, and the plan that was discovered for it."""
    systems.load(conn, shape, dirty=dirty)
    plan = inspect(conn, ["public"]).discovery.plan
    if shape == "typed_amounts" and dirty:
        (tasks,) = plan.tasks
        words = {**tasks.statuses, "odd": "cancelled"}
        plan = replace(plan, tasks=(replace(tasks, statuses=words),))
    # In these two the history contradicts balances: by how much was worked out by hand.
    accepted = {"running_ledger": 15, "typed_amounts": 140} if dirty else {}
    return replace(plan, accept_difference=accepted.get(shape, 0))


def balances(conn: Conn) -> dict[UUID, int]:
    return {
        row.user_id: row.balance
        for row in conn.execute("select user_id, balance from credits.user_credits")
    }


def by_number(conn: Conn) -> dict[int, int]:
    """The balances of users who have credits, by the user's number."""
    return {user.int: balance for user, balance in balances(conn).items() if balance}


BALANCES = {
    ("photo_platform", False): {1: 38, 2: 150, 3: 7},
    ("photo_platform", True): {
        1: 25, 2: 30, 3: 30, 4: 31, 5: 44, 6: 12, 8: 6, 9: 4, 10: 1, 11: 2, 12: 3, 13: 8,
    },
    ("single_column", False): {1: 10, 3: 250},
    ("single_column", True): {1: 10, 3: 250},
    ("typed_amounts", False): {1: 60, 2: 25},
    ("typed_amounts", True): {1: 100, 2: 20, 3: 50},
    ("credit_debit", False): {1: 65, 2: 7},
    ("credit_debit", True): {1: 70, 2: 7},
}  # fmt: skip
HISTORY = {
    ("photo_platform", False): 4,
    ("photo_platform", True): 18,
    ("running_ledger", False): 4,
    ("running_ledger", True): 6,
    ("typed_amounts", False): 5,
    ("typed_amounts", True): 5,
    ("credit_debit", False): 4,
    ("credit_debit", True): 4,
}


@pytest.mark.parametrize("dirty", [False, True], ids=["clean", "dirty"])
@pytest.mark.parametrize("shape", systems.NAMES)
def test_every_credit_comes_over(conn: Conn, nobody: Nobody, shape: str, dirty: bool) -> None:
    plan = planned(conn, shape, dirty=dirty)

    done = run(conn, plan, nobody)

    if shape == "running_ledger":
        # Ids that are numbers become uuids that everybody can work out.
        one, two, three = (hashed(str(number)) for number in (1, 2, 3))
        expected = {one: 70, three: 40, **({two: 5} if dirty else {})}
        assert balances(conn) == expected
    else:
        assert by_number(conn) == BALANCES[shape, dirty]
    assert done.history_rows == HISTORY.get((shape, dirty), 0)
    assert done.locked_seconds is not None
    proof = prove(conn, plan)
    assert proof.differences == ()
    assert proof.in_ledger == proof.found + proof.forgiven == sum(balances(conn).values())
    assert all(before == after for before, after in proof.rows.values())
    # Nothing here owes anything that was not owed there.
    assert inspect(conn, ["public"]).discovery.plan == planned_again(conn)


def test_the_tables_that_it_fills_are_analyzed(conn: Conn, nobody: Nobody) -> None:
    run(conn, planned(conn, "photo_platform", dirty=False), nobody)

    known = conn.execute(
        "select c.relname as name, c.reltuples::bigint as n from pg_class as c"
        " where c.relnamespace = 'credits'::regnamespace"
        " and c.relname = any(array['user_credits', 'credit_lots', 'generations'])"
    ).fetchall()
    assert len(known) == 3
    for table in known:
        (counted,) = conn.execute(f"select count(*) as n from credits.{table.name}").fetchall()
        assert table.n == counted.n > 0


def rows_copied(conn: Conn) -> int:
    (row,) = conn.execute("select count(*) as n from credits.imported_history").fetchall()
    return int(row.n)


def planned_again(conn: Conn) -> Plan:
    return inspect(conn, ["public"]).discovery.plan


def test_once_more_changes_nothing(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "photo_platform", dirty=True)
    run(conn, plan, nobody)
    before = everything(conn)

    again = run(conn, plan, nobody)

    assert again == Run()
    assert everything(conn) == before


def everything(conn: Conn) -> dict[str, list[Any]]:
    """All rows that came over, without times and ids that each run makes anew."""
    queries = {
        "balances": "select user_id, balance, last_seq from credits.user_credits",
        "ledger": "select user_id, seq, credits, transaction_type::text, source::text,"
        " idempotency_key, generation_id from credits.credit_transactions",
        "lots": "select user_id, granted, remaining, expires_at, priority, source::text"
        " from credits.credit_lots",
        "history": "select user_id, source_table, source_id, credits, kind::text, reference"
        " from credits.imported_history",
        "generations": "select user_id, generation_id, status::text, credits_charged,"
        " refund_due_credits, owed_review, provider_task_id, error_type"
        " from credits.generations",
        "events": "select user_id, generation_id, event_no, event::text"
        " from credits.generation_events",
    }
    return {
        name: sorted(map(tuple, conn.execute(query)), key=str) for name, query in queries.items()
    }


# --- balances -------------------------------------------------------------------------------------


def test_buckets_become_lots_that_live_as_long(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "photo_platform", dirty=True)

    run(conn, plan, nobody)

    lots = conn.execute(
        "select l.user_id, l.granted, l.source::text, l.expires_at, t.idempotency_key"
        " from credits.credit_lots as l inner join credits.credit_transactions as t"
        " on l.user_id = t.user_id and l.grant_transaction_id = t.transaction_id"
        " where l.user_id = any(%s) and l.remaining > 0 order by l.user_id, l.expires_at",
        [[systems.user(1), systems.user(13)]],
    ).fetchall()
    monthly, bought, late = lots
    (row,) = conn.execute(
        "select c.id, c.last_reset_at from public.user_credits as c where c.user_id = %s",
        [systems.user(1)],
    ).fetchall()
    assert (monthly.granted, bought.granted, late.granted) == (20, 5, 8)
    assert {lot.source for lot in lots} == {"import"}
    assert monthly.idempotency_key == f"legacy:public.user_credits:{row.id}:current_balance"
    assert bought.expires_at is None
    in_a_month = conn.execute(
        "select %s + interval '1 month' as at", [row.last_reset_at]
    ).fetchone()
    assert in_a_month is not None
    assert monthly.expires_at == in_a_month.at
    # Its reset was missed: the next one counts.
    in_future = conn.execute("select %s > now() as it_is", [late.expires_at]).fetchone()
    assert in_future is not None
    assert in_future.it_is


def test_one_bucket_needs_no_name_in_its_key(conn: Conn, nobody: Nobody) -> None:
    run(conn, planned(conn, "single_column", dirty=False), nobody)

    keys = conn.execute("select idempotency_key from credits.credit_transactions").fetchall()
    assert sorted(row.idempotency_key for row in keys) == [
        f"legacy:public.profiles:{systems.user(1)}",
        f"legacy:public.profiles:{systems.user(3)}",
    ]


def test_a_user_who_is_here_already_keeps_what_is_here(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "photo_platform", dirty=True)
    call(conn, "grant_user_credits", systems.user(1), 100)
    call(conn, "deduct_user_credits", systems.user(1), 30)

    run(conn, plan, nobody)

    assert by_number(conn)[1] == 70 + 25
    assert prove(conn, plan).differences == ()


@pytest.mark.parametrize("is_known", [False, True])
def test_lots_are_as_the_plan_says(conn: Conn, nobody: Nobody, is_known: bool) -> None:
    """Also for a user who had credits in pgcredits before, and none of them are left."""
    plan = planned(conn, "photo_platform", dirty=True)
    (part,) = plan.balances
    monthly, bought = part.buckets
    buckets = (
        replace(monthly, priority=200, unit_price_usd=0.0),
        replace(bought, priority=50, unit_price_usd=0.04),
    )
    conn.execute("update credits.settings set default_low_balance_threshold = 7")
    if is_known:
        call(conn, "grant_user_credits", systems.user(1), 30)
        call(conn, "deduct_user_credits", systems.user(1), 30)

    run(conn, replace(plan, balances=(replace(part, buckets=buckets),)), nobody)

    lots = conn.execute(
        "select granted, priority, unit_price_usd::float as price, expires_at is null as lasts"
        " from credits.credit_lots where user_id = %s and remaining > 0 order by priority",
        [systems.user(1)],
    ).fetchall()
    assert [tuple(lot) for lot in lots] == [(5, 50, 0.04, True), (20, 200, 0.0, False)]
    (account,) = conn.execute(
        "select u.low_balance_threshold,"
        " u.next_due_at = least(l.expires_at, u.next_allowance_at) as is_due_then"
        " from credits.user_credits as u inner join credits.credit_lots as l"
        " on u.user_id = l.user_id and l.priority = 200 where u.user_id = %s",
        [systems.user(1)],
    ).fetchall()
    assert tuple(account) == (7, True)
    assert rows(conn, "verify_ledger") == []
    # What was bought goes first here, since the plan says so.
    call(conn, "deduct_user_credits", systems.user(1), 6)
    left = conn.execute(
        "select remaining from credits.credit_lots where user_id = %s and priority in (50, 200)"
        " order by priority",
        [systems.user(1)],
    ).fetchall()
    assert [lot.remaining for lot in left] == [0, 19]
    assert rows(conn, "verify_ledger") == []


def test_a_table_that_was_forgotten_can_follow(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "single_column", dirty=False)
    run(conn, plan, nobody)
    conn.execute("create table public.bonus (user_id uuid primary key, credits int)")
    conn.execute(
        "insert into public.bonus values (%s, 5), (%s, 7)",
        [systems.user(1), systems.user(9)],
    )
    bonus = Balances("public.bonus", "user_id", "user_id", (Bucket("credits"),))
    longer = replace(plan, balances=(*plan.balances, bonus))

    done = run(conn, longer, nobody)

    assert done.balances == 2
    assert by_number(conn) == {1: 15, 3: 250, 9: 7}
    assert prove(conn, longer).differences == ()
    assert rows(conn, "verify_ledger") == []


@pytest.mark.parametrize("is_known", [False, True])
def test_long_ids(conn: Conn, nobody: Nobody, is_known: bool) -> None:
    conn.execute(
        "create table public.wallets (id text primary key, user_id uuid unique, balance int)"
    )
    conn.execute("insert into public.wallets values (repeat('x', 300), %s, 5)", [systems.user(1)])
    if is_known:
        call(conn, "grant_user_credits", systems.user(1), 1)

    run(conn, planned_again(conn), nobody)

    (row,) = conn.execute(
        "select idempotency_key as key from credits.credit_transactions where source = 'import'"
    ).fetchall()
    assert row.key == f"legacy:public.wallets:{hashlib.md5(b'x' * 300).hexdigest()}"  # noqa: S324


def test_two_parts_of_one_table_are_two(conn: Conn, nobody: Nobody) -> None:
    """Both parts hold the same amount: with one key, the second would look like a repetition."""
    conn.execute("create table public.wallets (user_id uuid primary key, a int, b int)")
    conn.execute("insert into public.wallets values (%s, 5, 5)", [systems.user(1)])
    parts = tuple(
        Balances("public.wallets", "user_id", "user_id", (Bucket(name),)) for name in ("a", "b")
    )
    plan = Plan(schemas=("public",), balances=parts)

    run(conn, plan, nobody)

    assert by_number(conn) == {1: 10}
    assert prove(conn, plan).differences == ()
    run(conn, plan, nobody)
    # A grant that stood for both would not be told from one that was lost.
    with pytest.raises(psycopg.errors.UniqueViolation):
        conn.execute("update credits.imported_balances set idempotency_key = 'one'")


def test_a_table_that_inherits_is_not_counted_twice(conn: Conn, nobody: Nobody) -> None:
    conn.execute("create table public.user_credits (user_id uuid primary key, balance int)")
    conn.execute(
        "create table public.user_credits_archive (primary key (user_id))"
        " inherits (public.user_credits)"
    )
    conn.execute("insert into public.user_credits_archive values (%s, 50)", [systems.user(1)])

    run(conn, planned_again(conn), nobody)

    assert by_number(conn) == {1: 50}
    with refused("PT410", "moved_to_pgcredits"):
        conn.execute("update public.user_credits_archive set balance = 51")


@pytest.mark.parametrize(
    ("change", "message"), [("-3", "below 0"), ("8.5", "not whole credits"), ("9e16", "more than")]
)
def test_balances_are_judged_once_more_when_they_are_locked(
    conn: Conn, change: str, message: str
) -> None:
    conn.execute("create table public.wallets (user_id uuid primary key, balance numeric)")
    conn.execute("insert into public.wallets values (%s, 5)", [systems.user(1)])
    plan = replace(planned_again(conn), negatives="stop")

    class Writer(Nobody):
        def scene(self, title: str, steps: int | None = None) -> None:
            super().scene(title, steps)
            if title == "cutting over":
                conn.execute(f"update public.wallets set balance = {change}".encode())

    with pytest.raises(PlanError, match=message):
        run(conn, plan, Writer())

    assert balances(conn) == {}
    conn.execute("update public.wallets set balance = 4")
    run(conn, plan, Nobody())
    assert by_number(conn) == {1: 4}


def test_what_came_over_by_one_plan_is_not_run_by_another(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "single_column", dirty=False)
    run(conn, plan, nobody)
    (part,) = plan.balances
    (bucket,) = part.buckets
    other = replace(part, buckets=(replace(bucket, priority=1),))

    for changed in (replace(plan, balances=(other,)), replace(plan, credits_per_unit=10)):
        with pytest.raises(PlanError, match="was cut over by another plan"):
            run(conn, changed, nobody)

    run(conn, plan, nobody)
    assert by_number(conn) == {1: 10, 3: 250}


def test_what_names_nobody_is_told(conn: Conn, nobody: Nobody) -> None:
    conn.execute(
        "create table public.wallets (id int primary key, user_id uuid unique, balance int)"
    )
    conn.execute(
        "insert into public.wallets values (1, %s, 5), (2, null, 9), (3, null, -2)",
        [systems.user(1)],
    )
    plan = planned_again(conn)

    run(conn, plan, nobody)

    proof = prove(conn, plan)
    assert (proof.found, proof.unowned, proof.differences) == (5, 7, ())


def test_words_with_a_percent_sign(conn: Conn, nobody: Nobody) -> None:
    conn.execute('create table public.wallets (user_id uuid primary key, "balance" int, tier text)')
    conn.execute("insert into public.wallets values (%s, 5, '50%% off')", [systems.user(1)])
    conn.execute(
        "create table public.credit_log (id int primary key, user_id uuid, amount int, type text,"
        ' created_at timestamptz, "100%" int)'.replace("%", "%%"),
        [],
    )
    conn.execute(
        "insert into public.credit_log values (1, %s, 5, '50%% bonus', now(), 1)",
        [systems.user(1)],
    )
    plan = planned_again(conn)
    (part,) = plan.balances
    plan = replace(plan, balances=(replace(part, tiers={"50% off": "pro"}),))

    run(conn, plan, nobody)

    assert by_number(conn) == {1: 5}
    assert prove(conn, plan).differences == ()


def test_infinite_times_are_none(conn: Conn, nobody: Nobody) -> None:
    conn.execute(
        "create table public.user_credits (user_id uuid primary key, monthly_credits_balance int,"
        " bonus_credits int, expires_at timestamptz)"
    )
    conn.execute(
        "insert into public.user_credits values (%s, 10, 1, 'infinity')", [systems.user(1)]
    )
    conn.execute(
        "create table public.jobs (id uuid primary key, user_id uuid, status text, credits int,"
        " created_at timestamptz, finished_at timestamptz)"
    )
    conn.execute(
        "insert into public.jobs values (gen_random_uuid(), %(u)s, 'failed', 3, '-infinity',"
        " 'infinity'), (gen_random_uuid(), %(u)s, 'processing', 3, 'infinity', null)",
        {"u": systems.user(1)},
    )
    plan = planned_again(conn)

    run(conn, plan, nobody)

    (row,) = conn.execute(
        "select bool_and(isfinite(created_at) and isfinite(deadline_at)"
        " and coalesce(isfinite(finished_at), true)) as are_finite, count(*) as n"
        " from credits.generations"
    ).fetchall()
    assert tuple(row) == (True, 2)
    assert call(conn, "get_user_credits", systems.user(1)).next_expiry_at is None
    assert conn.execute("select * from credits_monitoring.usage_daily").fetchall()


def test_who_is_given_credits_here_during_the_cut_over(database: Database, conn: Conn) -> None:
    plan = planned(conn, "single_column", dirty=False)
    with Session(database) as giver, Session(database) as mover:
        giver.run("begin")
        giver.run("select credits.grant_user_credits(%s, 100)", [systems.user(1)])
        mover.start_work(lambda mine: run(mine, plan, Nobody()))
        assert mover.is_blocked(by=giver)
        giver.run("commit")
        mover.result()

    assert by_number(conn) == {1: 110, 3: 250}
    assert rows(conn, "verify_ledger") == []


def test_a_timeout_of_the_applications_does_not_end_it(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "single_column", dirty=False)
    # Shorter than some statements of a run take, and longer than the one that lifts the limit.
    conn.execute("set statement_timeout = 5")

    run(conn, plan, nobody)

    assert by_number(conn) == {1: 10, 3: 250}


def test_what_has_expired_there_stays_there(conn: Conn, nobody: Nobody) -> None:
    conn.execute(
        "create table public.user_credits (user_id uuid primary key, monthly_credits_balance int,"
        " bonus_credits int, expires_at timestamptz)"
    )
    conn.execute(
        "insert into public.user_credits values (%s, 10, 1, now() - interval '1 day'),"
        " (%s, 20, 2, now() + interval '1 day')",
        [systems.user(1), systems.user(2)],
    )
    plan = planned_again(conn)

    run(conn, plan, nobody)

    assert by_number(conn) == {1: 1, 2: 22}
    proof = prove(conn, plan)
    assert (proof.found, proof.expired, proof.in_ledger) == (33, 10, 23)
    assert value(conn, "get_user_credits_at", systems.user(2), "infinity") == 22


def test_a_subscription_goes_on_with_next_months_allowance(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "photo_platform", dirty=False)
    # Every day has a month that began before it, but then nothing of this month is left.
    conn.execute("update public.user_credits set last_reset_at = date_trunc('month', now())")
    call(conn, "set_user_plan", systems.user(3), "free")

    run(conn, plan, nobody)

    plans = conn.execute("select user_id, plan from credits.user_credits order by 1").fetchall()
    assert [(row.user_id.int, row.plan) for row in plans] == [(1, "pro"), (2, "pro"), (3, "free")]
    assert [row.user_id for row in rows(conn, "apply_allowances")] == [systems.user(3)]
    # The old system had given 50 for this month already.
    assert by_number(conn)[2] == 150
    set_clock(conn, datetime.now(UTC) + timedelta(days=32))
    granted = rows(conn, "apply_allowances")
    assert {row.user_id.int: row.credits for row in granted} == {1: 50, 2: 50, 3: 5}


def test_an_allowance_whose_turn_is_within_the_month_is_given_here(conn: Conn) -> None:
    """No user is without an allowance between the old reset and the next month."""
    (row,) = conn.execute(
        "select date_trunc('month', now()) + interval '1 month' as next_month"
    ).fetchall()
    resets = [row.next_month - timedelta(seconds=1), row.next_month + timedelta(days=1), None]

    conn.execute(
        "select credits_internal.import_plans(%s, %s, %s)",
        [[systems.user(n) for n in (1, 2, 3)], ["pro", "pro", "pro"], resets],
    )

    granted = rows(conn, "apply_allowances")
    assert [row.user_id for row in granted] == [systems.user(1), systems.user(3)]


def test_who_is_on_two_plans_gets_the_better_one(conn: Conn) -> None:
    for user, names in (
        (systems.user(1), ["free", "pro"]),
        (systems.user(2), ["pro", "free"]),
    ):
        conn.execute(
            "select credits_internal.import_plans(%s, %s, %s)", [[user] * 2, names, [None] * 2]
        )

    found = conn.execute("select plan from credits.user_credits").fetchall()
    assert [row.plan for row in found] == ["pro", "pro"]


def test_when_the_next_reset_is(conn: Conn) -> None:
    part = Balances("public.old", "id", "id", (Bucket("n"),), reset="reset_at")
    conn.execute("create table public.old (id int primary key, reset_at timestamptz)")
    conn.execute(
        "insert into public.old values (1, now() + interval '1 hour' - interval '1 month'),"
        " (2, now() - interval '1 hour'), (3, now() - interval '400 days'), (4, 'infinity'),"
        " (5, null)"
    )
    query = SQL(
        "select id, {next} > now() as is_future, {next} <= now() + interval '1 month' as is_next"
        " from public.old as t order by id"
    ).format(next=next_reset(part))

    found = conn.execute(query).fetchall()

    assert [row.id for row in found if row.is_future and row.is_next] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("dirty", [False, True])
def test_an_allowance_does_not_change_unseen(conn: Conn, nobody: Nobody, dirty: bool) -> None:
    plan = planned(conn, "photo_platform", dirty=dirty)
    conn.execute("update credits.plans set monthly_credits = 200 where plan = 'pro'")

    with pytest.raises(PlanError, match="brings 50 credits a month, and plan 'pro' brings 200"):
        run(conn, plan, nobody)

    (part,) = plan.balances
    with pytest.raises(PlanError, match=r"not in credits.plans"):
        run(conn, replace(plan, balances=(replace(part, tiers={"pro": "gold"}),)), nobody)
    run(conn, replace(plan, balances=(replace(part, tiers={}),)), nobody)
    assert rows(conn, "apply_allowances") == []


# --- tasks ----------------------------------------------------------------------------------------


def test_tasks_become_generations(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "photo_platform", dirty=True)
    conn.execute("alter table public.enhancement_tasks disable trigger all")
    conn.execute("update public.enhancement_tasks set cost_usd = 0.25")
    conn.execute("alter table public.enhancement_tasks enable trigger all")

    run(conn, plan, nobody)

    found = {
        row.generation_id.int - 0xA000: row
        for row in conn.execute(
            "select generation_id, status::text, credits_charged as charged,"
            " refund_due_credits as due, owed_review as review, error_type, provider,"
            " generation_type as type, provider_task_id as task, cost_usd::float as cost"
            " from credits.generations"
        )
    }
    assert {n: (row.status, row.charged, row.due, row.review) for n, row in found.items()} == {
        1: ("succeeded", 0, 0, False),
        2: ("failed", 12, 12, True),
        3: ("failed", 0, 0, False),
        # 1 of 20 came back there.
        4: ("failed", 19, 19, True),
        5: ("failed", 0, 0, False),
        6: ("failed", 0, 0, False),
        7: ("failed", 7, 7, True),
        8: ("processing", 4, 0, False),
        9: ("timed_out", 6, 6, True),
        10: ("succeeded", 0, 0, False),
        11: ("cancelled", 0, 0, False),
        12: ("succeeded", 0, 0, False),
        13: ("timed_out", 8, 8, True),
        14: ("succeeded", 0, 0, False),
        15: ("succeeded", 0, 0, False),
    }
    assert {row.provider for row in found.values()} == {"kling"}
    assert {row.cost for row in found.values()} == {0.25}
    assert {row.type for row in found.values()} == {"video"}
    assert found[9].error_type == found[13].error_type == "timeout"
    assert found[11].error_type == "user_cancelled"
    # Two tasks name the same provider's task: one of the two generations gets it.
    assert sorted(str(found[n].task) for n in (14, 15)) == ["None", "p-same"]


def test_a_task_is_imported_once(conn: Conn) -> None:
    """A task is imported once even if it is imported again, or by two runs at once."""
    one = (
        "select credits_internal.import_tasks(array[row(%s, 'public.jobs', '1', %s, 'kling', 'v',"
        " null, 'failed', 5, 0, now(), now(), 0.4, 'unknown', repeat('x', 2000), null, null, null)"
        "::credits_internal.imported_task]) as imported"
    )
    found = [conn.execute(one, [systems.user(1), systems.task(1)]).fetchall()[0] for _ in range(2)]

    assert [row.imported for row in found] == [1, 0]
    (message,) = conn.execute("select error_message from credits.generations").fetchall()
    assert message.error_message == "x" * 1000
    assert rows(conn, "verify_ledger") == []


def test_the_pair_of_an_owed_task_nets_to_zero(conn: Conn, nobody: Nobody) -> None:
    run(conn, planned(conn, "photo_platform", dirty=True), nobody)

    pair = conn.execute(
        "select credits, transaction_type::text, source::text, idempotency_key, generation_id"
        " from credits.credit_transactions where user_id = %s and seq > 1 order by seq",
        [systems.user(4)],
    ).fetchall()
    key = f"legacy:public.enhancement_tasks:{systems.task(4)}"
    assert [tuple(row) for row in pair] == [
        (19, "grant", "import", key, None),
        (-19, "deduction", None, f"{key}:charge", systems.task(4)),
    ]


def test_what_is_owed_waits_for_a_person(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "photo_platform", dirty=True)
    before = {one.user_id: one.owed for one in inspect(conn, ["public"]).owed}

    run(conn, plan, nobody)

    assert rows(conn, "retry_failed_refunds") == []
    owed: dict[UUID, int] = {}
    for row in rows(conn, "settle_owed_refunds"):
        owed[row.user_id] = owed.get(row.user_id, 0) + row.credits_owed
    assert owed == before


@pytest.mark.parametrize(
    ("percent", "came_back", "owed", "charged"),
    [
        # 7 were charged: half of them, rounded in favour of the user.
        (50, 0, 4, 7),
        (50, 3, 1, 4),
        (50, 4, 0, 0),
        (0, 0, 0, 0),
        (100, 0, 7, 7),
        (100, 9, 0, 0),
    ],
)
def test_what_is_owed_is_what_the_policy_says_less_what_came_back(
    conn: Conn, nobody: Nobody, percent: int, came_back: int, owed: int, charged: int
) -> None:
    plan = planned(conn, "photo_platform", dirty=False)
    conn.execute(
        "insert into credits.refund_policies (error_type, refund_percent, fault, description)"
        " values ('nsfw', %s, 'user', 'not safe for work')",
        [percent],
    )
    conn.execute("alter table public.enhancement_tasks disable trigger all")
    conn.execute(
        "insert into public.enhancement_tasks (id, user_id, enhancement_type, status,"
        " credits_consumed, error_type, refund_credits, refunded)"
        " values (%s, %s, 'video', 'failed', 7, 'nsfw', %s, %s)",
        [systems.task(99), systems.user(1), came_back, came_back > 0],
    )

    run(conn, plan, nobody)

    (row,) = conn.execute(
        "select credits_charged, refund_due_credits, owed_review from credits.generations"
        " where generation_id = %s",
        [systems.task(99)],
    ).fetchall()
    assert tuple(row) == (charged, owed, owed > 0)
    assert rows(conn, "verify_ledger") == []


def test_without_a_policy_all_of_it_is_owed(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "photo_platform", dirty=True)
    conn.execute("delete from credits.refund_policies")

    run(conn, plan, nobody)

    # One of 3 was cancelled: a policy had said that it is not.
    assert sum(row.credits_owed for row in rows(conn, "settle_owed_refunds")) == 52 + 3


def test_a_status_that_is_null_is_asked_for_before_anything_is_done(
    conn: Conn, nobody: Nobody
) -> None:
    plan = planned(conn, "photo_platform", dirty=False)
    conn.execute("alter table public.enhancement_tasks disable trigger all")
    conn.execute(
        "insert into public.enhancement_tasks (id, user_id, enhancement_type, credits_consumed)"
        " values (%s, %s, 'video', 7)",
        [systems.task(99), systems.user(1)],
    )

    with pytest.raises(PlanError, match="what status = '' means"):
        run(conn, plan, nobody)

    assert rows_copied(conn) == 0
    (tasks,) = plan.tasks
    told = replace(tasks, statuses={**tasks.statuses, "": "failed"})
    run(conn, replace(plan, tasks=(told,)), nobody)
    (row,) = conn.execute(
        "select status::text, refund_due_credits from credits.generations where generation_id = %s",
        [systems.task(99)],
    ).fetchall()
    assert tuple(row) == ("failed", 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("update public.enhancement_tasks set credits_consumed = 2.5", "not a whole number"),
        ("insert into public.more_tasks select * from public.enhancement_tasks", "has the id of"),
    ],
)
def test_tasks_that_cannot_come_over_stop_it_before_the_cut_over(
    conn: Conn, nobody: Nobody, change: str, message: str
) -> None:
    plan = planned(conn, "photo_platform", dirty=False)
    conn.execute("drop trigger auto_refund_on_failure on public.enhancement_tasks")
    conn.execute("alter table public.enhancement_tasks alter credits_consumed type numeric")
    conn.execute("create table public.more_tasks (like public.enhancement_tasks including all)")
    (tasks,) = plan.tasks
    plan = replace(plan, tasks=(tasks, replace(tasks, table="public.more_tasks")))
    conn.execute(change.encode())

    with pytest.raises(PlanError, match=message):
        run(conn, plan, nobody)

    assert balances(conn) == {}
    conn.execute("update public.user_credits set current_balance = current_balance")


USERS = {"user": systems.user(7), "other": systems.user(1)}


#: What two tasks of 5 credits say of themselves, the refunds that were logged (whose, of what, how
#: many), and what is owed.
@pytest.mark.parametrize(
    ("columns", "logged", "owed"),
    [
        ({}, [], 10),
        # One refund is of one task, though both bear the same name.
        ({"provider_task_id": "p1"}, [("user", "p1", 5)], 5),
        ({"provider_task_id": "p1"}, [("user", "p1", 5), ("user", "p1", 5)], 0),
        ({"provider_task_id": ""}, [("user", "", 5)], 5),
        ({"provider_task_id": ""}, [("user", "", 10)], 0),
        ({"provider_task_id": "  "}, [], 10),
        ({"provider_task_id": "x" * 12_000}, [], 10),
        # The row has refund columns, but they say that the refund failed.
        ({"refunded": False, "refund_status": "failed", "refund_credits": 5}, [], 10),
        ({"refunded": True, "refund_credits": 0}, [], 0),
        ({"refund_credits": 5, "refunded": None, "refund_status": "Completed"}, [], 0),
        ({"status": "processing", "created_at": None}, [], 10),
        ({"credits_consumed": -5}, [], 0),
        # A log that names no user.
        ({}, [(None, "task", 5)], 5),
        ({}, [("user", "task", 5)], 5),
        ({}, [("user", "task", -5)], 5),
        ({}, [("user", None, 5)], 5),
        # A refund of another user.
        ({}, [("other", "task", 5)], 10),
    ],
)
def test_what_came_back_counts_once(
    conn: Conn,
    nobody: Nobody,
    columns: dict[str, Any],
    logged: list[tuple[str | None, str | None, int]],
    owed: int,
) -> None:
    plan = planned(conn, "photo_platform", dirty=False)
    conn.execute("alter table public.enhancement_tasks disable trigger all")
    conn.execute("alter table public.credit_refunds alter task_id type text")
    conn.execute("alter table public.credit_refunds disable trigger all")
    given = {"user_id": systems.user(7), "status": "failed", "credits_consumed": 5, **columns}
    names = SQL(", ").join(Identifier(name) for name in given)
    values = SQL(", ").join(Placeholder(name) for name in given)
    for n in (98, 99):
        conn.execute(
            SQL(
                "insert into public.enhancement_tasks (id, enhancement_type, {})"
                " values ({}, 'video', {})"
            ).format(names, Literal(systems.task(n)), values),
            given,
        )
    for whose, what, how_many in logged:
        conn.execute(
            "insert into public.credit_refunds (user_id, task_id, credits_refunded)"
            " values (%s, %s, %s)",
            [USERS[whose] if whose else None, str(systems.task(99)) if what == "task" else what,
             how_many],
        )  # fmt: skip

    run(conn, planned_again(conn), nobody)

    assert sum(row.credits_owed for row in rows(conn, "settle_owed_refunds")) == owed
    assert plan.tasks


def test_one_in_flight_goes_on_here(conn: Conn, nobody: Nobody) -> None:
    run(conn, planned(conn, "photo_platform", dirty=True), nobody)
    assert rows(conn, "sweep_stuck_generations") == []

    failed = call(
        conn, "handle_provider_callback",
        p_provider="kling", p_provider_task_id="p-8", p_code="500", p_message="no",
    )  # fmt: skip

    assert (failed.generation_id, failed.status) == (systems.task(8), "failed")
    assert (failed.credits_refunded, failed.balance) == (4, 10)


def test_one_in_flight_is_owed_if_the_plan_says_so(conn: Conn, nobody: Nobody) -> None:
    plan = replace(planned(conn, "photo_platform", dirty=True), in_flight="owe")

    run(conn, plan, nobody)

    (row,) = conn.execute(
        "select status::text, refund_due_credits as due, owed_review from credits.generations"
        " where generation_id = %s",
        [systems.task(8)],
    ).fetchall()
    assert tuple(row) == ("timed_out", 4, True)


def test_refunds_that_name_nothing_are_left_out_if_the_plan_says_so(
    conn: Conn, nobody: Nobody
) -> None:
    plan = replace(planned(conn, "photo_platform", dirty=True), unnamed_refunds="ignore")

    run(conn, plan, nobody)

    owed = sum(row.credits_owed for row in rows(conn, "settle_owed_refunds"))
    assert owed == 52 + 5


# --- history --------------------------------------------------------------------------------------


def test_history_is_a_memo(conn: Conn, nobody: Nobody) -> None:
    run(conn, planned(conn, "photo_platform", dirty=True), nobody)

    found = conn.execute(
        "select credits, kind::text, reference, original from credits.imported_history"
        " where user_id = %s order by credits",
        [systems.user(5)],
    ).fetchall()
    assert [(row.credits, row.kind) for row in found] == [
        (-2, "charge"),
        (2, "refund"),
        (2, "refund"),
    ]
    assert {row.reference for row in found} == {str(systems.task(5))}
    assert sorted(row.original["credits_used"] for row in found) == [-2, 2, 2]


def test_what_expired_went(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "typed_amounts", dirty=False)
    conn.execute(
        "insert into public.credit_transactions (user_id, type, amount) values (%s, 'expired', 7)",
        [systems.user(1)],
    )
    conn.execute(
        "update public.credit_balances set balance = balance - 7 where user_id = %s",
        [systems.user(1)],
    )

    run(conn, planned_again(conn), nobody)

    (row,) = conn.execute(
        "select credits, kind::text from credits.imported_history"
        " where original @> '{\"amount\": 7}'"
    ).fetchall()
    assert tuple(row) == (-7, "expiry")
    assert plan.history


def test_a_purchase_that_was_taken_back_is_no_refund_of_work(conn: Conn, nobody: Nobody) -> None:
    planned(conn, "photo_platform", dirty=False)
    conn.execute("alter table public.enhancement_tasks disable trigger all")
    conn.execute(
        "insert into public.enhancement_tasks (id, user_id, enhancement_type, status,"
        " credits_consumed) values (%s, %s, 'video', 'failed', 5)",
        [systems.task(99), systems.user(7)],
    )
    conn.execute(
        "insert into public.credit_transactions (user_id, transaction_type, credits_used,"
        " api_request_id) values (%s, 'refund', -100, 'pi_1')",
        [systems.user(7)],
    )

    run(conn, planned_again(conn), nobody)

    assert sum(row.credits_owed for row in rows(conn, "settle_owed_refunds")) == 5


def test_one_refund_that_is_noted_in_two_places_counts_once(conn: Conn, nobody: Nobody) -> None:
    """Also a refund that names no task in either place."""
    planned(conn, "photo_platform", dirty=False)
    conn.execute("alter table public.enhancement_tasks disable trigger all")
    conn.execute("alter table public.credit_refunds disable trigger all")
    for n in (98, 99):
        conn.execute(
            "insert into public.enhancement_tasks (id, user_id, enhancement_type, status,"
            " credits_consumed) values (%s, %s, 'video', 'failed', 5)",
            [systems.task(n), systems.user(7)],
        )
    conn.execute(
        "insert into public.credit_refunds (user_id, credits_refunded) values (%s, 5)",
        [systems.user(7)],
    )
    conn.execute(
        "insert into public.credit_transactions (user_id, transaction_type, credits_used)"
        " values (%s, 'refund', 5)",
        [systems.user(7)],
    )

    run(conn, planned_again(conn), nobody)

    assert sum(row.credits_owed for row in rows(conn, "settle_owed_refunds")) == 5


def test_a_row_that_names_nobody_is_kept(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "typed_amounts", dirty=False)
    conn.execute("alter table public.credit_transactions alter user_id drop not null")
    conn.execute("insert into public.credit_transactions (type, amount) values ('deduction', 7)")

    run(conn, plan, nobody)

    (row,) = conn.execute(
        "select user_id, credits from credits.imported_history where original @> '{\"amount\": 7}'"
    ).fetchall()
    assert tuple(row) == (UUID(int=0), -7)
    assert prove(conn, plan).differences == ()


def test_what_changed_after_it_was_copied_is_copied_again(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "typed_amounts", dirty=False)

    class Writer(Nobody):
        def scene(self, title: str, steps: int | None = None) -> None:
            super().scene(title, steps)
            if title == "cutting over":
                conn.execute("update public.credit_transactions set amount = 41 where amount = 40")
                conn.execute("update public.credit_balances set balance = 59 where balance = 60")

    run(conn, plan, Writer())

    (row,) = conn.execute(
        "select credits, (original ->> 'amount')::int as amount from credits.imported_history"
        " where user_id = %s and kind = 'charge'",
        [systems.user(1)],
    ).fetchall()
    assert tuple(row) == (-41, 41)
    assert by_number(conn) == {1: 59, 2: 25}


@pytest.mark.parametrize("commits", ["while it is copied", "after it was copied"])
def test_who_had_begun_to_write_before_it_was_copied_is_not_forgotten(
    conn: Conn, database: Database, monkeypatch: pytest.MonkeyPatch, commits: str
) -> None:
    """Also if its row comes before the place that the copy has reached."""
    monkeypatch.setattr(history, "HISTORY_BATCH", 1)
    plan = planned(conn, "typed_amounts", dirty=False)
    before = conn.execute("select * from public.credit_transactions").fetchall()
    with psycopg.connect(database.dsn) as writer:
        writer.execute(
            "insert into public.credit_transactions (id, user_id, type, amount)"
            " select max(id) - 1000, %s, 'deduction', 1 from public.credit_transactions",
            [systems.user(1)],
        )

        class Writer(Nobody):
            def scene(self, title: str, steps: int | None = None) -> None:
                super().scene(title, steps)
                if title == "cutting over":
                    writer.commit()

            def reach(self, steps: int) -> None:
                super().reach(steps)
                if commits == "while it is copied":
                    writer.commit()

        run(conn, plan, Writer())

    assert rows_copied(conn) == len(before) + 1


def test_a_redacted_user_leaves_no_words_in_it(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "photo_platform", dirty=True)
    run(conn, plan, nobody)

    value(conn, "redact_user", systems.user(2))
    run(conn, plan, nobody)

    found = conn.execute(
        "select original from credits.imported_history where user_id = %s", [systems.user(2)]
    ).fetchall()
    assert {str(row.original) for row in found} == {"{}"}


def test_a_plan_that_reads_it_otherwise_copies_it_again(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "typed_amounts", dirty=False)
    run(conn, plan, nobody)
    (part,) = plan.history
    other = replace(part, kinds={**part.kinds, "deduction": "expiry"}, reference="")

    run(conn, replace(plan, history=(other,)), nobody)

    found = conn.execute(
        "select distinct kind::text, reference from credits.imported_history"
    ).fetchall()
    assert "expiry" in {row.kind for row in found}
    assert "charge" not in {row.kind for row in found}
    assert {row.reference for row in found} == {None}


def test_rows_that_went_or_changed_hands_meanwhile_are_those_that_are_there(conn: Conn) -> None:
    plan = planned(conn, "typed_amounts", dirty=False)
    (before,) = conn.execute(
        "select count(*) as n, min(id::text) as gone, max(id::text) as moved"
        " from public.credit_transactions"
    ).fetchall()

    class Writer(Nobody):
        def scene(self, title: str, steps: int | None = None) -> None:
            super().scene(title, steps)
            if title == "cutting over":
                conn.execute(
                    "delete from public.credit_transactions where id::text = %s", [before.gone]
                )
                conn.execute(
                    "update public.credit_transactions set user_id = %s where id::text = %s",
                    [systems.user(9), before.moved],
                )

    run(conn, plan, Writer())

    found = conn.execute("select user_id, source_id from credits.imported_history").fetchall()
    assert len(found) == before.n - 1
    assert before.gone not in {row.source_id for row in found}
    assert [row.user_id for row in found if row.source_id == before.moved] == [systems.user(9)]
    assert prove(conn, plan).differences == ()


def test_a_word_without_a_meaning_stops_a_sum(conn: Conn, nobody: Nobody) -> None:
    """Without the error, rows with such a word would silently be missing from the balance."""
    conn.execute(
        "create table public.credit_log (id int primary key, user_id uuid, amount int, type text,"
        " created_at timestamptz)"
    )
    conn.execute(
        "insert into public.credit_log values (1, %(u)s, 20, 'purchase', now()),"
        " (2, %(u)s, 10, 'oddity', now()), (3, %(u)s, 30, 'usage', now()),"
        " (4, %(u)s, 3, null, now())",
        {"u": systems.user(1)},
    )
    plan = planned_again(conn)
    drafted = draft(inspect(conn, ["public"]).discovery)
    assert "oddity" in drafted

    (part,) = plan.history
    kinds: dict[str, Any] = {**part.kinds}
    words = {word: kind for word, kind in kinds.items() if kind != "unknown"}
    with pytest.raises(PlanError, match="does not say what type = '' means"):
        run(conn, replace(plan, history=(replace(part, kinds=words),)), nobody)
    words |= {"": "other", "oddity": "other"}
    with pytest.raises(PlanError, match="does not say by how much"):
        run(conn, replace(plan, history=(replace(part, kinds=words),)), nobody)
    words |= {"": "grant", "oddity": "grant"}
    run(conn, replace(plan, history=(replace(part, kinds=words),)), nobody)
    assert by_number(conn) == {1: 3}


def test_what_was_redacted_meanwhile_is_not_copied_again(conn: Conn) -> None:
    plan = planned(conn, "typed_amounts", dirty=False)

    class Writer(Nobody):
        def scene(self, title: str, steps: int | None = None) -> None:
            super().scene(title, steps)
            if title == "cutting over":
                value(conn, "redact_user", systems.user(1))
                conn.execute("update public.credit_transactions set amount = 41 where amount = 40")

    run(conn, plan, Writer())

    found = conn.execute(
        "select original from credits.imported_history where user_id = %s", [systems.user(1)]
    ).fetchall()
    assert {str(row.original) for row in found} == {"{}"}


# --- the old tables afterwards --------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "update public.user_credits set current_balance = 1000",
        "insert into public.user_credits (current_balance) values (5)",
        "delete from public.user_credits",
        "truncate public.credit_transactions",
        "insert into public.credit_transactions (credits_used) values (5)",
        "update public.enhancement_tasks set status = 'failed'",
        "insert into public.credit_refunds (credits_refunded) values (5)",
        "select public.consume_user_credits(gen_random_uuid(), 1)",
    ],
)
def test_whoever_writes_there_hears_of_it(conn: Conn, nobody: Nobody, statement: str) -> None:
    run(conn, closed(planned(conn, "photo_platform", dirty=False)), nobody)

    with refused("PT410", "moved_to_pgcredits"):
        conn.execute(statement.encode())
    conn.execute("set session_replication_role = replica")
    with refused("PT410", "moved_to_pgcredits"):
        conn.execute(statement.encode())


def test_of_a_users_own_row_only_credits_are_closed(conn: Conn, nobody: Nobody) -> None:
    run(conn, planned(conn, "single_column", dirty=False), nobody)

    conn.execute("update public.profiles set username = 'another', credits = credits")
    conn.execute("insert into public.profiles (id, username) values (%s, 'new')", [systems.user(9)])
    conn.execute("delete from public.profiles where id = %s", [systems.user(2)])
    with refused("PT410", "moved_to_pgcredits"):
        conn.execute("update public.profiles set credits = credits + 1")
    with refused("PT410", "moved_to_pgcredits"):
        conn.execute("insert into public.profiles (id, credits) values (%s, 5)", [systems.user(8)])


def test_users_can_be_deleted_still(conn: Conn, nobody: Nobody) -> None:
    """The old foreign keys still delete a deleted user's rows."""
    run(conn, planned(conn, "photo_platform", dirty=False), nobody)

    conn.execute("delete from auth.users where id = %s", [systems.user(1)])

    left = conn.execute("select from public.user_credits where user_id = %s", [systems.user(1)])
    assert left.fetchall() == []
    assert by_number(conn)[1] == 38


def test_triggers_of_theirs_write_nothing_either(conn: Conn, nobody: Nobody) -> None:
    run(conn, planned(conn, "photo_platform", dirty=False), nobody)
    conn.execute("create table public.sales (n int)")
    conn.execute(
        "create function public.sold() returns trigger language plpgsql as $$ begin"
        " update public.user_credits set current_balance = 1000; return new; end $$"
    )
    conn.execute(
        "create trigger sold after insert on public.sales"
        " for each row execute function public.sold()"
    )

    with refused("PT410", "moved_to_pgcredits"):
        conn.execute("insert into public.sales values (1)")


def test_partitions_are_closed_by_their_own_names(conn: Conn, nobody: Nobody) -> None:
    conn.execute(
        "create table public.user_credits (user_id uuid primary key, balance int)"
        " partition by hash (user_id)"
    )
    conn.execute(
        "create table public.profiles (id uuid primary key, credits int) partition by hash (id)"
    )
    for n in range(2):
        for name in ("user_credits", "profiles"):
            conn.execute(
                f"create table public.{name}_{n} partition of public.{name}"
                f" for values with (modulus 2, remainder {n})".encode()
            )
    conn.execute("insert into public.user_credits select %s, 5", [systems.user(1)])
    conn.execute("insert into public.profiles select %s, 7", [systems.user(2)])
    plan = planned_again(conn)

    run(conn, plan, nobody)

    assert by_number(conn) == {1: 5, 2: 7}
    for replica in (False, True):
        if replica:
            conn.execute("set session_replication_role = replica")
        for n in range(2):
            with refused("PT410", "moved_to_pgcredits"):
                conn.execute(
                    f"insert into public.user_credits_{n} select gen_random_uuid(), 1".encode()
                )
        with refused("PT410", "moved_to_pgcredits"):
            conn.execute(
                "do $$ begin update public.profiles_0 set credits = 8;"
                " update public.profiles_1 set credits = 8; end $$"
            )
    # A second run makes the triggers that exist again.
    conn.execute("reset session_replication_role")
    conn.execute("update credits.imported_tables set closed_at = null")
    run(conn, plan, nobody)


def test_what_a_trigger_of_theirs_makes_of_it_counts(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "single_column", dirty=False)
    conn.execute(
        "create function public.bonus() returns trigger language plpgsql as $$ begin"
        " new.credits := coalesce(new.credits, 0) + 100; return new; end $$"
    )
    conn.execute(
        "create trigger zzz before insert or update on public.profiles"
        " for each row execute function public.bonus()"
    )

    run(conn, plan, nobody)

    for statement in (
        "update public.profiles set username = 'x'",
        "insert into public.profiles (id) select gen_random_uuid()",
    ):
        with refused("PT410", "moved_to_pgcredits"):
            conn.execute(statement.encode())


def test_columns_of_long_names_are_closed(conn: Conn, nobody: Nobody) -> None:
    names = [f"{'bonus_' * 9}{n}_credits" for n in range(2)]
    conn.execute("create table public.profiles (id uuid primary key, a int)")
    for name in names:
        conn.execute(f"alter table public.profiles add {name} int".encode())
    conn.execute(f"insert into public.profiles (id, {names[0]}) values (%s, 5)", [systems.user(1)])
    plan = planned_again(conn)

    run(conn, plan, nobody)

    for name in names:
        with refused("PT410", "moved_to_pgcredits"):
            conn.execute(f"update public.profiles set {name} = 6".encode())
        with refused("PT410", "moved_to_pgcredits"):
            conn.execute(
                f"insert into public.profiles (id, {name}) select gen_random_uuid(), 6".encode()
            )


@pytest.mark.parametrize("default", ["10", "'10'::smallint", "floor(random() * 5)::integer"])
def test_new_users_are_not_refused_for_a_default(conn: Conn, nobody: Nobody, default: str) -> None:
    plan = planned(conn, "single_column", dirty=False)
    conn.execute(f"alter table public.profiles alter credits set default {default}".encode())

    with pytest.raises(PlanError, match="credits has the default"):
        run(conn, plan, nobody)

    for harmless in ("0", "null", "'0'::integer"):
        conn.execute(f"alter table public.profiles alter credits set default {harmless}".encode())
        run(conn, plan, nobody)
    conn.execute("insert into public.profiles (id, username) values (%s, 'new')", [systems.user(9)])


def test_what_the_plan_leaves_open_stays_open(conn: Conn, nobody: Nobody) -> None:
    run(conn, planned(conn, "photo_platform", dirty=False), nobody)

    # Its own trigger, which writes to balances, is disabled.
    conn.execute("update public.enhancement_tasks set status = 'failed', prompt = 'a cat'")


def test_a_difference_is_told(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "single_column", dirty=False)
    run(conn, plan, nobody)
    conn.execute("alter table public.profiles disable trigger all")
    conn.execute("update public.profiles set credits = 11 where id = %s", [systems.user(1)])
    conn.execute("update public.profiles set credits = 5 where id = %s", [systems.user(2)])

    proof = prove(conn, plan)

    assert proof.differences == (
        Difference("public.profiles.credits", str(systems.user(1)), 11, 10),
        Difference("public.profiles.credits", str(systems.user(2)), 5, None),
    )


def test_what_is_missing_here_is_told(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "photo_platform", dirty=True)
    run(conn, plan, nobody)
    for table in ("credit_transactions", "enhancement_tasks"):
        conn.execute(f"alter table public.{table} disable trigger all".encode())
    conn.execute(
        "insert into public.credit_transactions (user_id, credits_used) values (%s, 1)",
        [systems.user(1)],
    )
    conn.execute(
        "insert into public.enhancement_tasks (id, user_id, enhancement_type, status)"
        " values (%s, %s, 'video', 'failed')",
        [systems.task(99), systems.user(1)],
    )
    conn.execute("update credits.imported_balances set found = found + 1 where user_id = %s",
                 [systems.user(2)])  # fmt: skip

    differences = {(one.what, one.before, one.after) for one in prove(conn, plan).differences}

    assert differences >= {
        ("rows of public.credit_transactions", 19, 18),
        ("tasks of public.enhancement_tasks", 16, 15),
        ("public.user_credits.current_balance", 30, 31),
    }
    assert "all balances" in {what for what, _, _ in differences}


def test_rows_that_a_policy_hides_are_not_lost(conn: Conn, nobody: Nobody) -> None:
    plan = planned(conn, "single_column", dirty=False)
    conn.execute("alter table public.profiles enable row level security")
    conn.execute("alter table public.profiles force row level security")
    conn.execute("create role adopt_owner in role credits_operator")
    try:
        conn.execute("alter table public.profiles owner to adopt_owner")
        conn.execute("set role adopt_owner")
        with pytest.raises(AdoptionError, match=f"the rights of {conn.info.user}"):
            run(conn, plan, nobody)
        conn.execute("reset role")
        # The rights of a superuser come with membership; being exempt from row security does not.
        conn.execute(SQL("grant {} to adopt_owner").format(Identifier(conn.info.user)))
        conn.execute("set role adopt_owner")

        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            run(conn, plan, nobody)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            inspect(conn, ["public"])
    finally:
        conn.execute("reset role")
        conn.execute("reassign owned by adopt_owner to current_user")
        conn.execute("drop owned by adopt_owner")
        conn.execute("drop role adopt_owner")
    assert balances(conn) == {}


# --- crashes and races ----------------------------------------------------------------------------

DYING = """
import os, signal, sys
from pathlib import Path
from pgcredits.adopt.move import closing, cut_over, history, running, tasks
from pgcredits.adopt.plan.reading import read_plan
from pgcredits.connections import connect

history.HISTORY_BATCH, cut_over.USERS_BATCH, tasks.TASKS_BATCH = 2, 3, 2
dsn, plan, deadline = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
lived = 0

def live():
    global lived
    lived += 1
    if lived == deadline:
        os.kill(os.getpid(), signal.SIGKILL)

def dying(function):
    def called(*args):
        live()
        made = function(*args)
        live()
        return made
    return called

for module, names in (
    (history, ("_copy_batch", "catch_up")),
    (cut_over, ("_lock", "_import_balances", "_close")),
    (closing, ("_refuse_all",)),
):
    for name in names:
        setattr(module, name, dying(getattr(module, name)))

class Watcher:
    def scene(self, title, steps=None):
        live()
    def reach(self, steps):
        live()

with connect(dsn) as conn:
    running.run(conn, read_plan(plan), Watcher())
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_anywhere_and_run_again_the_end_is_the_same(
    template: Any, tmp_path: Path, nobody: Nobody
) -> None:
    plan = tmp_path / "plan.toml"
    with template.clone() as database, database.connect() as conn:
        conn.execute("set time zone 'UTC'")
        systems.load(conn, "photo_platform", dirty=True)
        plan.write_text(draft(inspect(conn, ["public"]).discovery))
        run(conn, planned_again(conn), nobody)
        expected = comparable(everything(conn))

    deadline = survived = 0
    while not survived:
        # Each step of the way is the last of one run; every other of these to keep it short.
        deadline += 2
        with template.clone() as database, database.connect() as conn:
            conn.execute("set time zone 'UTC'")
            systems.load(conn, "photo_platform", dirty=True)
            died = subprocess.run(
                [sys.executable, "-c", DYING, database.dsn, str(plan), str(deadline)],
                check=False,
                timeout=60,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            survived = died.returncode == 0
            assert died.returncode in (0, -signal.SIGKILL)
            run(conn, planned_again(conn), nobody)
            assert comparable(everything(conn)) == expected, deadline
    assert deadline > 40


def comparable(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The rows without values that differ between databases: the old system's ids, and times."""
    return {
        "balances": [row[:2] for row in found["balances"]],
        "ledger": sorted((row[0], row[2], row[3], row[4], row[6]) for row in found["ledger"]),
        "lots": sorted((row[0], row[1], row[2], row[3] is None) for row in found["lots"]),
        "history": sorted((row[0], row[3], row[4], row[5]) for row in found["history"]),
        "generations": [row[:6] for row in found["generations"]],
        "events": found["events"],
    }


class Spender:
    """An application that spends in the old system until it is refused."""

    def __init__(self, database: Database, user: UUID) -> None:
        self.spent = 0
        self.refusal: str | None = None
        self._database = database
        self._user = user
        self.thread = threading.Thread(target=self._spend)

    def _spend(self) -> None:
        with psycopg.connect(self._database.dsn) as conn:
            while self.refusal is None:
                try:
                    with conn.transaction():
                        conn.execute(
                            "update public.credit_balances set balance = balance - 1"
                            " where user_id = %s",
                            [self._user],
                        )
                        conn.execute(
                            "insert into public.credit_transactions (user_id, type, amount)"
                            " values (%s, 'deduction', 1)",
                            [self._user],
                        )
                except psycopg.Error as error:
                    self.refusal = error.sqlstate or "lost"
                else:
                    self.spent += 1


@pytest.mark.slow
def test_what_is_written_meanwhile_is_included_or_refused(
    template: Any, nobody: Nobody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "HISTORY_BATCH", 50)
    for _ in range(5):
        with template.clone() as database, database.connect() as conn:
            conn.execute("set time zone 'UTC'")
            plan = planned(conn, "typed_amounts", dirty=False)
            conn.execute(
                "insert into public.credit_transactions (user_id, type, amount)"
                " select b.user_id, 'purchase', 1000000 - b.balance"
                " from public.credit_balances as b;"
                "update public.credit_balances set balance = 1000000"
            )
            spenders = [Spender(database, systems.user(n)) for n in (1, 1, 2, 2)]
            for spender in spenders:
                spender.thread.start()
            while sum(spender.spent for spender in spenders) < 200:
                pass

            run(conn, plan, nobody)
            for spender in spenders:
                spender.thread.join()

            assert {spender.refusal for spender in spenders} == {"PT410"}
            spent = {
                n: sum(s.spent for s in spenders if s._user == systems.user(n)) for n in (1, 2)
            }
            assert by_number(conn) == {n: 1_000_000 - spent[n] for n in (1, 2)}
            (row,) = conn.execute(
                "select count(*) as rows from credits.imported_history"
                ' where original @> \'{"amount": 1, "type": "deduction"}\''
            ).fetchall()
            assert row.rows == sum(spent.values())
            assert prove(conn, plan).differences == ()


def test_who_holds_a_table_for_long_is_let_pass(
    database: Database, conn: Conn, nobody: Nobody, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(conn, "single_column", dirty=False)
    monkeypatch.setattr(cut_over, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(cut_over, "LOCK_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(cut_over, "LOCK_ATTEMPTS", 3)
    with psycopg.connect(database.dsn) as holder:
        holder.execute("update public.profiles set username = 'held'")

        with pytest.raises(AdoptionError, match="3 attempts") as refusal:
            run(conn, plan, nobody)
        assert "Nothing was cut over" in refusal.value.hint
        assert balances(conn) == {}

        holder.rollback()
    run(conn, plan, nobody)
    assert by_number(conn) == {1: 10, 3: 250}


def test_names_as_an_object_mapper_writes_them(conn: Conn, nobody: Nobody) -> None:
    """Tables with quoted names in mixed case are closed, too, and mirrored."""
    conn.execute(
        'create table "UserCredits" (id int primary key, "userId" uuid unique, balance int);'
        'create table "User" (id uuid primary key, "Credits" int not null default 0);'
        'create table "CreditTransaction" (id int primary key, "userId" uuid, type text,'
        ' amount int, "createdAt" timestamptz);'
        'create table "ImageJob" (id int primary key, "userId" uuid, status text,'
        ' "creditsUsed" int, "finishedAt" timestamptz)'
    )
    user = systems.user(1)
    conn.execute(
        f"insert into \"UserCredits\" values (1, '{user}', 7);"
        f"insert into \"User\" values ('{user}', 5);"
        f"insert into \"CreditTransaction\" values (1, '{user}', 'purchase', 12, now());"
        f"insert into \"ImageJob\" values (1, '{user}', 'failed', 3, now())".encode()
    )
    plan = inspect(conn, ["public"]).discovery.plan

    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    assert balances(conn) == {user: 12}
    proof = prove(conn, plan)
    assert proof.differences == ()
    assert proof.rows == {
        "public.CreditTransaction": (1, 1),
        "public.ImageJob": (1, 1),
    }
    for statement in (
        'update "UserCredits" set balance = 8',
        'update "User" set "Credits" = 8',
        'delete from "CreditTransaction"',
    ):
        with pytest.raises(psycopg.Error, match="is closed"):
            conn.execute(statement.encode())
    conn.execute(f"insert into \"ImageJob\" values (2, '{user}', 'completed', 0)".encode())
    found = conn.execute("select status::text from credits.generations order by 1").fetchall()
    assert [row.status for row in found] == ["failed", "succeeded"]


def test_rights_are_asked_of_tables_as_they_are_spelt(conn: Conn, stranger: str) -> None:
    conn.execute(
        'create table "UserCredits" (id int primary key, "userId" uuid unique, balance int);'
        "grant create on schema public to pg_monitor;"
        'alter table "UserCredits" owner to pg_monitor;'
        f'grant select on "UserCredits" to {stranger}'.encode()
    )
    plan = inspect(conn, ["public"]).discovery.plan
    conn.execute(f"set role {stranger}".encode())

    with pytest.raises(AdoptionError, match="the rights of pg_monitor, "):
        require_fit(conn, plan)


def test_what_was_written_before_the_copy_and_committed_after_it_comes_over(
    conn: Conn, database: Database
) -> None:
    """The row's key is one that the copy has passed, and its transaction began before the run."""
    plan = planned(conn, "typed_amounts", dirty=False)

    class Committing(Nobody):
        def reach(self, steps: int) -> None:
            if steps:
                writer.commit()

    with psycopg.connect(database.dsn) as writer:
        writer.execute(
            "insert into public.credit_transactions (user_id, type, amount)"
            " values (%s, 'purchase', 0)",
            [systems.user(1)],
        )
        # A later transaction is over before the copy begins.
        conn.execute("select pg_current_xact_id()")
        run(conn, plan, Committing())

    proof = prove(conn, plan)
    assert proof.differences == ()
    assert proof.rows["public.credit_transactions"] == (6, 6)


def test_what_no_provider_calls_a_task_is_left_away(conn: Conn, nobody: Nobody) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, credits int);"
        "create table jobs (id uuid primary key, user_id uuid, status text, credits_used int,"
        " provider text, external_id text);"
        f"insert into jobs values ('{systems.task(1)}', '{systems.user(1)}', 'completed', 3,"
        " 'Kling', repeat('x', 501))".encode()
    )

    run(conn, planned_again(conn), nobody)

    (generation,) = conn.execute("select * from credits.generations").fetchall()
    assert (generation.provider, generation.provider_task_id) == ("kling", None)
