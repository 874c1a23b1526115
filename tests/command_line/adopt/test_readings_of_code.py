"""Readings between which only code and comments decide, or nothing, so that they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from command_line.adopt.older import (
    COLUMNS,
    Conn,
    balances,
    planned,
    refused_by,
)
from pgcredits.adopt.move.proving import prove
from pgcredits.adopt.move.running import run

if TYPE_CHECKING:
    from pathlib import Path

    from command_line.adopt.systems import Nobody


ORIGIN = """
create or replace function public.add_purchased_credits(p_user_id uuid, p_credits int)
returns void language plpgsql security definer as $$
begin
    update public.user_credits
    set
        current_balance = coalesce(current_balance, 0) + p_credits,
        purchased_credits_balance = coalesce(purchased_credits_balance, 0) + p_credits,
        updated_at = now()
    where user_id = p_user_id;
end
$$;
create or replace function public.reset_monthly_subscription_benefits()
returns void language plpgsql security definer as $$
begin
    update public.user_credits
    set
        current_balance = monthly_allowance + coalesce(purchased_credits_balance, 0),
        consumed_this_month = 0,
        last_reset_at = now()
    where last_reset_at < now() - interval '30 days';
end
$$;
insert into auth.users (id)
select lpad(to_hex(u), 32, '0')::uuid from generate_series(1, 3) as u;
insert into public.user_credits (
    user_id, subscription_tier, monthly_allowance, current_balance, purchased_credits_balance,
    last_reset_at
)
select lpad(to_hex(u), 32, '0')::uuid, 'pro', 50, total, bought, now() - interval '3 days'
from (values (1, 100000, 66000), (2, 1100, 0), (3, 1, 0)) as v (u, total, bought);
insert into public.credit_transactions (user_id, transaction_type, credits_used)
select lpad(to_hex(u), 32, '0')::uuid, 'usage', 12 from generate_series(1, 3) as u;
"""


def test_the_origins_bought_credits_come_over_once(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    """Its current_balance includes its purchased_credits_balance; its log tells of charges only."""
    conn.execute(systems.PLANS)
    conn.execute((systems.SHAPES / "photo_platform.sql").read_bytes())
    conn.execute(ORIGIN.encode())

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert balances(conn) == [1, 1_100, 100_000]
    proof = prove(conn, plan)
    assert (proof.found, proof.in_ledger, proof.by_history) == (101_101, 101_101, None)
    (bought,) = conn.execute(
        "select sum(granted)::int as all from credits.credit_lots where expires_at is null"
    ).fetchall()
    assert bought.all == 66_000


@pytest.mark.parametrize(
    ("code", "total"),
    [
        # A total with its part.
        ("comment on column wallets.balance is 'All credits, including the bonus.'", 30),
        ("comment on column wallets.bonus_credits is 'How much of balance is a gift: part of it.'",
         30),
        ("create view spendable as select user_id, balance - bonus_credits as paid from wallets",
         30),
        ("create function gift(p_user uuid, p_n int) returns void language plpgsql as $$ begin"
         " update wallets set bonus_credits = bonus_credits + p_n where user_id = p_user;"
         " update wallets set balance = balance + p_n where user_id = p_user; end $$",
         30),
        ("create function gift(p_user uuid, p_n int) returns void language sql as $$"
         " insert into wallets as w values (p_user, p_n, p_n) on conflict (user_id) do update"
         " set balance = w.balance + p_n, bonus_credits = w.bonus_credits + p_n $$",
         30),
        ("create function gift(p_user uuid, p_n int) returns void language plpgsql as $$"
         " declare v_all int; v_gift int; v_new int; begin"
         " select balance, bonus_credits into v_all, v_gift from wallets where user_id = p_user;"
         " v_new := v_all + p_n; update wallets set balance = v_new,"
         " bonus_credits = v_gift + p_n where user_id = p_user; end $$",
         30),
        ("create function sum_up() returns trigger language plpgsql as $$ begin"
         " new.balance := coalesce(new.bonus_credits, 0) + 10; return new; end $$;"
         "create trigger sum_up before update on wallets for each row execute function sum_up()",
         30),
        # Two that add up.
        ("comment on column wallets.bonus_credits is 'Gifts, in addition to balance.'", 50),
        ("create view spendable as select user_id, balance + bonus_credits as credits"
         " from wallets",
         50),
        ("create function gift(p_user uuid, p_n int) returns void language sql as $$"
         " update wallets set bonus_credits = bonus_credits + p_n where user_id = p_user $$",
         50),
        ("create function spend(p_user uuid, p_n int) returns boolean language plpgsql as $$"
         " declare v_paid int; v_gift int; begin"
         " select w.balance, w.bonus_credits into v_paid, v_gift from wallets as w"
         " where w.user_id = p_user for update;"
         " if v_paid + v_gift < p_n then return false; end if;"
         " update wallets set bonus_credits = greatest(0, v_gift - p_n),"
         " balance = balance - greatest(0, p_n - v_gift) where user_id = p_user;"
         " return true; end $$",
         50),
        ("create function add_to(p_user uuid, p_where text, p_n int) returns void"
         " language plpgsql as $$ begin if p_where = 'bonus' then"
         " update wallets set bonus_credits = bonus_credits + p_n where user_id = p_user;"
         " else update wallets set balance = balance + p_n where user_id = p_user; end if; end $$;"
         "create view spendable as select coalesce(w.balance, 0) + coalesce(w.bonus_credits, 0)"
         " as credits from wallets as w",
         50),
    ],
)  # fmt: skip
def test_code_and_comments_tell_a_part_from_a_second_balance(
    conn: Conn, nobody: Nobody, tmp_path: Path, code: str, total: int
) -> None:
    conn.execute(COLUMNS.encode())
    conn.execute(code.encode())

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert plan.undecided == ()
    assert balances(conn) == [total]


@pytest.mark.parametrize(
    ("code", "total"),
    [
        # What is left of it is spent, or it only fills up the balance.
        ("create function spend(p_user uuid, p_n int) returns void language sql as $$"
         " update wallets set monthly_credits = monthly_credits - p_n where user_id = p_user $$",
         8),
        ("create function reset_month() returns void language sql as $$"
         " update wallets set credits = monthly_credits $$",
         3),
        ("comment on column wallets.monthly_credits is 'What each month brings: an allowance.'", 3),
        ("comment on column wallets.monthly_credits is 'What is left of this month.'", 8),
    ],
)  # fmt: skip
def test_code_and_comments_tell_an_allowance_from_a_balance(
    conn: Conn, nobody: Nobody, tmp_path: Path, code: str, total: int
) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, credits int, monthly_credits int);"
        f"insert into wallets values ('{systems.user(1)}', 3, 5)".encode()
    )
    conn.execute(code.encode())

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert plan.undecided == ()
    assert balances(conn) == [total]


def test_names_as_an_object_mapper_writes_them_are_read_in_code(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(
        'create table "Wallet" ("userId" uuid primary key, "currentBalance" int,'
        ' "purchasedCredits" int, "lastResetAt" timestamptz default now());'
        f"insert into \"Wallet\" values ('{systems.user(1)}', 30, 20);"
        'create function "addCredits"("userId" uuid, n int) returns void language sql as $$'
        ' update "Wallet" set "currentBalance" = "currentBalance" + n,'
        ' "purchasedCredits" = "purchasedCredits" + n where "userId" = $1 $$'.encode()
    )

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert (plan.undecided, balances(conn)) == ((), [30])


def test_a_sum_of_all_that_was_ever_bought_is_no_balance(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, bonus_credits int, total_credits int);"
        f"insert into wallets values ('{systems.user(1)}', 3, 50);"
        "create function gift(p_user uuid, p_n int) returns void language sql as $$"
        " update wallets set bonus_credits = bonus_credits + p_n,"
        " total_credits = total_credits + p_n where user_id = p_user $$;"
        "create function spend(p_user uuid, p_n int) returns void language sql as $$"
        " update wallets set bonus_credits = bonus_credits - p_n where user_id = p_user $$".encode()
    )

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert (plan.undecided, balances(conn)) == ((), [3])


def test_a_generated_total_is_no_third_balance(conn: Conn, nobody: Nobody, tmp_path: Path) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, plan_credits int, topup_credits int,"
        " balance int generated always as (plan_credits + topup_credits) stored);"
        f"insert into wallets values ('{systems.user(1)}', 3, 5)".encode()
    )

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert (plan.undecided, balances(conn)) == ((), [8])


# --- questions ------------------------------------------------------------------------------------


def test_what_nothing_decides_is_asked_and_stops_the_run(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(COLUMNS.encode())

    plan = planned(conn, tmp_path)

    (question,) = plan.undecided
    assert "balance + bonus_credits = 50 credits as written" in question
    assert 'balance = 30 credits (bucket balance with includes = "bonus_credits")' in question
    assert f"# TO DO: {question}" in (tmp_path / "plan.toml").read_text()
    assert "leaves a question open" in refused_by(conn, plan, nobody)
    (part,) = plan.balances
    total, bonus = part.buckets
    answered = replace(
        plan,
        undecided=(),
        balances=(replace(part, buckets=(replace(total, includes="bonus_credits"), bonus)),),
    )
    run(conn, answered, nobody)
    assert balances(conn) == [30]


def test_what_makes_no_difference_is_not_asked(conn: Conn, nobody: Nobody, tmp_path: Path) -> None:
    conn.execute(COLUMNS.encode())
    conn.execute("update wallets set bonus_credits = 0")

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert (plan.undecided, balances(conn)) == ((), [30])
