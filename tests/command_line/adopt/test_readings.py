"""Readings of an older system's tables are hypotheses: history and code decide between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.proving import prove
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.plan.reading import read_plan
from support.api import rows
from support.program import pgcredits

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from command_line.adopt.systems import Nobody
    from pgcredits.adopt.plan.model import Plan
    from support.databases import Database

Conn = psycopg.Connection[Any]


def balances(conn: Conn) -> list[int]:
    """What users who have credits have, the least first."""
    found = conn.execute(
        "select balance from credits.user_credits where balance <> 0 order by balance"
    )
    return [row.balance for row in found]


def planned(conn: Conn, folder: Path) -> Plan:
    """The plan that is written for what is there, read again without an edit."""
    file = folder / "plan.toml"
    file.write_text(draft(inspect(conn, ["public"]).discovery))
    return read_plan(file)


TOTAL_WITH_PART = """
create table user_credits (
    user_id uuid primary key, current_balance integer, purchased_credits_balance integer default 0,
    last_reset_at timestamptz default now()
);
insert into user_credits (user_id, current_balance) values
('00000000-0000-0000-0000-000000000001', 5), ('00000000-0000-0000-0000-000000000002', 50);
"""
ADDS_TO_BOTH = """
create function add_purchased(p_user_id uuid, p_credits integer) returns void language sql as $$
    update user_credits set current_balance = current_balance + p_credits,
        purchased_credits_balance = purchased_credits_balance + p_credits
    where user_id = p_user_id
$$;
select add_purchased('00000000-0000-0000-0000-000000000001', 100);
"""


def test_a_total_and_its_part_come_over_once(conn: Conn, nobody: Nobody, tmp_path: Path) -> None:
    conn.execute(TOTAL_WITH_PART.encode())
    conn.execute(ADDS_TO_BOTH.encode())

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert balances(conn) == [50, 105]
    lots = conn.execute(
        "select user_id, granted, expires_at is null as lasts from credits.credit_lots"
        " order by user_id, granted"
    ).fetchall()
    assert [(lot.user_id.int, lot.granted, lot.lasts) for lot in lots] == [
        (1, 5, False), (1, 100, True), (2, 50, False),
    ]  # fmt: skip
    assert prove(conn, plan).differences == ()


MONTHLY_IS_A_BALANCE = """
create table user_credits (
    user_id uuid primary key, plan text default 'free', monthly_credits integer not null,
    bonus_credits integer not null
);
create table credit_transactions (
    id uuid primary key default gen_random_uuid(), user_id uuid not null, amount integer not null,
    reason text not null, generation_id uuid, created_at timestamptz default now()
);
insert into user_credits values ('00000000-0000-0000-0000-000000000001', 'free', 3, 20);
insert into credit_transactions (user_id, amount, reason) values
('00000000-0000-0000-0000-000000000001', 5, 'signup_bonus'),
('00000000-0000-0000-0000-000000000001', 20, 'pack_purchase'),
('00000000-0000-0000-0000-000000000001', -2, 'generation');
"""


def test_what_is_left_of_a_month_comes_over_though_it_is_called_as_an_allowance_is(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(MONTHLY_IS_A_BALANCE.encode())

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert balances(conn) == [23]


DOLLARS = """
create table user_credits (user_id uuid primary key, balance_usd numeric(10, 6) not null);
create table credit_transactions (
    id uuid primary key default gen_random_uuid(), user_id uuid not null,
    amount numeric(10, 6) not null, type text not null, created_at timestamptz default now()
);
insert into user_credits values ('00000000-0000-0000-0000-000000000001', 4.999123);
insert into credit_transactions (user_id, amount, type) values
('00000000-0000-0000-0000-000000000001', 5, 'purchase'),
('00000000-0000-0000-0000-000000000001', -0.000877, 'usage');
"""


def test_dollars_with_six_decimals_become_millionths(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(DOLLARS.encode())

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert plan.credits_per_unit == 1_000_000
    assert balances(conn) == [4_999_123]


SIGNED = """
create table users (
    id integer generated always as identity primary key, credits integer not null
);
create table credit_transactions (
    id integer generated always as identity primary key, user_id integer not null references users,
    transaction_type text not null, amount integer not null, created_at timestamp default now()
);
insert into users (credits) values (9), (12);
insert into credit_transactions (user_id, transaction_type, amount) values
(1, 'bonus', 10), (1, 'usage', -1), (2, 'bonus', 10), (2, 'usage', 2);
"""


def test_signs_that_explain_more_balances_than_kinds_are_believed(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(SIGNED.encode())

    found = inspect(conn, ["public"])
    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert plan.history[0].sign == "stored"
    assert "balances that do not match the history" not in [one.title for one in found.faults]
    assert balances(conn) == [9, 12]


STATUS_OF_HISTORY = """
create table user_credits (user_id uuid primary key, balance integer not null);
create table credit_transactions (
    id uuid primary key default gen_random_uuid(), user_id uuid not null,
    transaction_type text not null, amount integer not null,
    status text not null default 'completed', task_id uuid,
    created_at timestamptz not null default now()
);
create table tasks (
    id uuid primary key, user_id uuid not null, status text not null,
    credits_charged integer not null, created_at timestamptz not null
);
insert into user_credits values ('00000000-0000-0000-0000-000000000001', 5);
insert into tasks values (
    '00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-000000000001', 'failed', 5,
    now() - interval '9 days'
);
insert into credit_transactions (user_id, transaction_type, amount, status, task_id) values
('00000000-0000-0000-0000-000000000001', 'purchase', 10, 'completed', null),
(
    '00000000-0000-0000-0000-000000000001', 'usage', -5, 'completed',
    '00000000-0000-0000-0000-0000000000a1'
),
(
    '00000000-0000-0000-0000-000000000001', 'refund', 5, 'failed',
    '00000000-0000-0000-0000-0000000000a1'
);
"""


def test_a_refund_that_failed_is_owed(conn: Conn, nobody: Nobody, tmp_path: Path) -> None:
    conn.execute(STATUS_OF_HISTORY.encode())

    found = inspect(conn, ["public"])
    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert [one.owed for one in found.owed] == [5]
    assert "balances that do not match the history" not in [one.title for one in found.faults]
    assert balances(conn) == [5]
    assert sum(row.credits_owed for row in rows(conn, "settle_owed_refunds")) == 5


LOG = """
create table user_credits (
    user_id uuid primary key, balance int not null, {more}
);
create table credit_transactions (
    id bigint generated always as identity primary key, user_id uuid not null, type text not null,
    amount int not null, status text, deleted_at timestamptz,
    created_at timestamptz not null default now()
);
"""


def add(conn: Conn, table: str, rows_of: str) -> None:
    """Rows whose users are numbers."""
    conn.execute(
        "create or replace function u(n int) returns uuid language sql as"
        " $$ select lpad(to_hex(n), 32, '0')::uuid $$"
    )
    conn.execute(f"insert into {table} {rows_of}".encode())


def test_what_every_user_began_with_is_found_where_the_history_lacks_it(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(LOG.format(more="bonus_credits int not null default 0").encode())
    add(conn, "user_credits", "select u(n), 10 + n, n % 3 from generate_series(1, 40) as n")
    add(
        conn,
        "credit_transactions (user_id, type, amount)",
        "select u(n), 'purchase', n + 4 from generate_series(1, 40) as n"
        " union all select u(n), 'usage', -4 from generate_series(1, 40) as n",
    )
    conn.execute("update user_credits set balance = 11 where user_id = u(7)")

    plan = planned(conn, tmp_path)

    assert plan.history[0].opening == 10
    assert str(plan.balances[0].buckets[0].includes) == "bonus_credits"
    assert "39 of 40 users have these balances" in (tmp_path / "plan.toml").read_text()
    assert "1 of 40 users differ by 6 credits" in refused_by(conn, plan, nobody)
    run(conn, replace(plan, accept_difference=6), nobody)
    assert sum(balances(conn)) == sum(10 + n for n in range(1, 41)) - 6


def test_the_month_since_the_last_reset_tells_a_total_from_two_balances(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    """The history has charges only, of this month and of those before."""
    conn.execute(
        LOG.format(
            more="purchased_credits int not null, monthly_allowance int not null,"
            " last_reset_at timestamptz not null default now() - interval '3 days'"
        ).encode()
    )
    add(conn, "user_credits", "values (u(1), 140, 100, 50), (u(2), 45, 0, 50), (u(3), 8, 1, 9)")
    add(
        conn,
        "credit_transactions (user_id, type, amount, created_at)",
        "values (u(1), 'usage', -10, now()), (u(1), 'usage', -30, now() - interval '9 days'),"
        " (u(2), 'usage', -7, now()), (u(2), 'refund', 2, now()), (u(3), 'usage', -2, now())",
    )

    plan = planned(conn, tmp_path)

    assert (plan.history[0].explains, plan.undecided) == ("month", ())
    run(conn, plan, nobody)
    assert balances(conn) == [8, 45, 140]
    assert prove(conn, plan).by_history == 193


@pytest.mark.parametrize(
    ("counts", "balance"), [("no status", 25), ("failed", 20), ("pending", 12), ("deleted", 17)]
)
def test_rows_that_did_not_happen_are_told_by_the_balances(
    conn: Conn, nobody: Nobody, tmp_path: Path, counts: str, balance: int
) -> None:
    """By each of these readings of the history another balance is right."""
    conn.execute(LOG.format(more="updated_at timestamptz").encode())
    add(conn, "user_credits", f"values (u(1), {balance}, null), (u(2), 3, null)")
    deleted = "now()" if counts == "deleted" else "null::timestamptz"
    add(
        conn,
        "credit_transactions (user_id, type, amount, status, deleted_at)",
        "values (u(1), 'purchase', 12, 'completed', null), (u(1), 'purchase', 5, 'failed', null),"
        f" (u(1), 'refund', 3, 'completed', {deleted}), (u(1), 'bonus', 5, 'pending', null),"
        " (u(2), 'bonus', 3, 'completed', null)",
    )
    if counts == "pending":
        conn.execute("update credit_transactions set amount = 0 where type = 'refund'")

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert balances(conn) == [3, balance]
    assert prove(conn, plan).by_history == 3 + balance


@pytest.mark.parametrize("second", ["counts", "repeats"])
def test_of_two_histories_those_count_that_explain_the_balances(
    conn: Conn, nobody: Nobody, tmp_path: Path, second: str
) -> None:
    conn.execute(LOG.format(more="updated_at timestamptz").encode())
    conn.execute("create table credit_log (like credit_transactions including all)")
    add(conn, "user_credits", f"values (u(1), {12 if second == 'counts' else 7}, null)")
    for table, amount in (
        ("credit_transactions", 7),
        ("credit_log", 5 if second == "counts" else 7),
    ):
        add(conn, f"{table} (user_id, type, amount)", f"values (u(1), 'bonus', {amount})")

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert balances(conn) == [12 if second == "counts" else 7]
    silent = [part.table for part in plan.history if part.explains == "nothing"]
    assert len(silent) == (second == "repeats")


def test_a_copy_of_the_balances_does_not_double_them(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(LOG.format(more="updated_at timestamptz").encode())
    conn.execute("create table profiles (id uuid primary key, name text, credits int)")
    for table in ("user_credits (user_id, balance)", "profiles (id, credits)"):
        add(conn, table, "values (u(1), 7), (u(2), 5)")

    asked = planned(conn, tmp_path)
    assert "12 credits (without public." in asked.undecided[0]

    add(
        conn,
        "credit_transactions (user_id, type, amount)",
        "values (u(1), 'bonus', 7), (u(2), 'bonus', 5)",
    )
    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)
    assert balances(conn) == [5, 7]
    assert len(plan.balances) == 1
    assert "Left aside: public." in (tmp_path / "plan.toml").read_text()


@pytest.mark.parametrize(
    ("columns", "row", "rows_of", "total"),
    [
        # Names that say nothing, an allowance that is what is left, and a total.
        ("monthly_allowance int, bonus_credits int", "3, 20", "('grant', 5), ('usage', -2),"
         " ('bonus', 20)", 23),
        ("trial_left int, credits int, monthly_quota int", "4, 20, 100",
         "('grant', 4), ('purchase', 20)", 24),
        ("total_credits int, bonus_credits int", "30, 20", "('grant', 10), ('bonus', 20)", 30),
        ("total_credits int, bonus_credits int", "130, 20", "('bonus', 20)", 20),
        # A charge of less than 0 gave back.
        ("credits int", "12", "('bonus', 20), ('usage', 10), ('usage', -2)", 12),
    ],
)  # fmt: skip
def test_the_history_tells_what_names_do_not(
    conn: Conn, nobody: Nobody, tmp_path: Path, columns: str, row: str, rows_of: str, total: int
) -> None:
    conn.execute(LOG.format(more=columns).encode())
    conn.execute("alter table user_credits drop balance")
    add(conn, "user_credits", f"select u(n), {row} from generate_series(1, 5) as n")
    add(
        conn,
        "credit_transactions (user_id, type, amount)",
        f"select u(n), r.* from generate_series(1, 5) as n, (values {rows_of}) as r",
    )

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert plan.undecided == ()
    assert balances(conn) == [total] * 5
    assert prove(conn, plan).by_history == total * 5


def test_one_users_history_is_no_proof_against_all_names(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    """A quota and a balance add up to what was bought, by chance: the charges are not logged."""
    conn.execute(LOG.format(more="monthly_quota int").encode())
    add(conn, "user_credits", "values (u(1), 50, 50)")
    add(conn, "credit_transactions (user_id, type, amount)", "values (u(1), 'purchase', 100)")

    plan = planned(conn, tmp_path)

    (question,) = plan.undecided
    assert "by its name balance = 50 credits" in question
    refused_by(conn, plan, nobody)


def test_a_logged_refund_that_failed_or_is_still_to_come_is_owed(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, balance int);"
        "create table tasks (id uuid primary key, user_id uuid, status text, credits_charged int,"
        " created_at timestamptz);"
        "create table refunds (id int primary key, user_id uuid, task_id uuid, credits int,"
        " status text)"
    )
    add(conn, "wallets", "values (u(1), 5)")
    add(conn, "tasks", "select u(10 + n), u(1), 'failed', n, now() from generate_series(1, 3) as n")
    add(
        conn,
        "refunds",
        "values (1, u(1), u(11), 1, 'done'), (2, u(1), u(12), 2, 'failed'),"
        " (3, u(1), u(13), 3, 'pending')",
    )

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert sum(row.credits_owed for row in rows(conn, "settle_owed_refunds")) == 5


@pytest.mark.parametrize("balance", [5, 12])
def test_rows_that_are_deleted_count_where_the_history_says_so(
    conn: Conn, nobody: Nobody, tmp_path: Path, balance: int
) -> None:
    conn.execute(LOG.format(more="is_deleted boolean").encode())
    add(conn, "user_credits", "values (u(1), 5, null), (u(2), 7, true)")
    add(conn, "credit_transactions (user_id, type, amount)", "values (u(1), 'bonus', 5)")
    if balance == 12:
        add(conn, "credit_transactions (user_id, type, amount)", "values (u(2), 'bonus', 7)")

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert sum(balances(conn)) == balance


def test_floating_points_noise_is_rounded_and_shown(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute("create table wallets (user_id uuid primary key, balance double precision)")
    add(conn, "wallets", "values (u(1), 1.1 + 2.2), (u(2), 0.123456789)")

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert (plan.credits_per_unit, plan.rounding) == (1_000_000, "nearest")
    assert balances(conn) == [123_457, 3_300_000]
    proof = prove(conn, plan)
    assert (proof.found, str(proof.rounded.normalize())) == (3_423_457, "-0.211")


def test_a_sum_that_may_count_other_rows_is_asked_for(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    """There is no balance but the sum: nothing proves whether a pending row counts."""
    conn.execute(LOG.format(more="updated_at timestamptz").encode())
    conn.execute("drop table user_credits")
    add(
        conn,
        "credit_transactions (user_id, type, amount, status)",
        "values (u(1), 'bonus', 7, 'completed'), (u(1), 'bonus', 5, 'pending'),"
        " (u(1), 'bonus', 100, 'failed')",
    )

    plan = planned(conn, tmp_path)

    (question,) = plan.undecided
    assert "12 credits" in question
    assert "7 credits" in question
    assert "leaves a question open" in refused_by(conn, plan, nobody)


# --- what code says -------------------------------------------------------------------------------

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


COLUMNS = """
create table wallets (
    user_id uuid primary key, balance int not null, bonus_credits int not null
);
insert into wallets values ('00000000-0000-0000-0000-000000000001', 30, 20);
"""


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


# --- wrong plans ----------------------------------------------------------------------------------


def refused_by(conn: Conn, plan: Plan, nobody: Nobody) -> str:
    """What a run says that refuses a plan, and that it moved nothing."""
    with pytest.raises(PlanError) as error:
        run(conn, plan, nobody)
    assert balances(conn) == []
    assert conn.execute("select from credits.imported_tables").fetchall() == []
    return f"{error.value} {error.value.hint}"


def with_history(conn: Conn) -> None:
    """The history of the total and its part."""
    conn.execute(
        "create table credit_transactions (id bigint generated always as identity primary key,"
        " user_id uuid, type text, amount int, created_at timestamptz default now());"
        "insert into credit_transactions (user_id, type, amount) values"
        f" ('{systems.user(1)}', 'grant', 5), ('{systems.user(1)}', 'purchase', 100),"
        f" ('{systems.user(2)}', 'grant', 60), ('{systems.user(2)}', 'usage', -10)".encode()
    )


@pytest.mark.parametrize("knows", ["history", "code"])
def test_a_plan_that_sums_a_total_and_its_part_is_refused_with_the_users(
    conn: Conn, nobody: Nobody, tmp_path: Path, knows: str
) -> None:
    conn.execute(TOTAL_WITH_PART.encode())
    conn.execute(ADDS_TO_BOTH.encode())
    if knows == "history":
        with_history(conn)
        conn.execute("drop function add_purchased")
    right = planned(conn, tmp_path)
    (part,) = right.balances
    apart = tuple(replace(bucket, includes=()) for bucket in part.buckets)
    wrong = replace(right, balances=(replace(part, buckets=apart),))

    said = refused_by(conn, wrong, nobody)

    assert f"the old {'history' if knows == 'history' else 'system'}" in said
    assert "1 of 2 users differ by 100 credits" in said
    assert f"{systems.user(1)} has 205, and 105 by it" in said
    assert "accept_difference = 100" in said
    with pytest.raises(PlanError, match="differ by 100"):
        run(conn, replace(wrong, accept_difference=99), nobody)
    run(conn, replace(wrong, accept_difference=100), nobody)
    assert balances(conn) == [50, 205]


def test_a_plan_that_leaves_a_balance_behind_is_refused_with_the_users(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(MONTHLY_IS_A_BALANCE.encode())
    right = planned(conn, tmp_path)
    (part,) = right.balances
    bonus = tuple(bucket for bucket in part.buckets if bucket.column == "bonus_credits")

    said = refused_by(conn, replace(right, balances=(replace(part, buckets=bonus),)), nobody)

    assert f"{systems.user(1)} has 20, and 23 by it" in said


def test_a_plan_with_the_signs_reversed_is_refused_with_the_users(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    systems.load(conn, "typed_amounts", dirty=False)
    right = planned(conn, tmp_path)
    (history,) = right.history
    turned: dict[str, Any] = {"charge": "grant", "grant": "charge", "refund": "charge"}
    kinds = {word: turned[kind] for word, kind in history.kinds.items()}

    said = refused_by(conn, replace(right, history=(replace(history, kinds=kinds),)), nobody)

    assert "2 of 2 users differ" in said
    assert f"{systems.user(1)} has 60, and -60 by it" in said


def test_users_are_named_as_the_old_system_names_them(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute((systems.SHAPES / "text_ids.sql").read_bytes())
    conn.execute("insert into public.member values ('user_x', 'x@example.org', 4)")

    said = refused_by(conn, planned(conn, tmp_path), nobody)

    assert "user_x has 4, and 0 by it" in said
    assert conn.execute("select from credits.external_users").fetchall() == []


# --- plans and commands ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("includes", "says"),
    [
        ("nothing", "'nothing' is not a column"),
        ("last_reset_at", "includes last_reset_at, which is no bucket"),
        ("current_balance", "current_balance is included in current_balance"),
    ],
)
def test_what_a_bucket_cannot_include_is_named(
    conn: Conn, nobody: Nobody, tmp_path: Path, includes: str, says: str
) -> None:
    conn.execute(TOTAL_WITH_PART.encode())
    conn.execute(ADDS_TO_BOTH.encode())
    plan = planned(conn, tmp_path)
    (part,) = plan.balances
    total, bought = part.buckets

    said = refused_by(
        conn,
        replace(
            plan,
            balances=(replace(part, buckets=(replace(total, includes=includes), bought)),),
        ),
        nobody,
    )

    assert says in said


def test_where_less_is_left_than_the_parts_say_the_total_decides(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, balance int, pack_credits int,"
        " bonus_credits int, last_reset_at timestamptz default now());"
        "comment on column wallets.balance is 'Includes pack_credits and bonus_credits.'"
    )
    add(conn, "wallets", "values (u(1), 30, 20, 5), (u(2), 22, 20, 5), (u(3), 4, 20, 5)")
    add(conn, "wallets", "values (u(4), -2, 20, 5), (u(5), 7, null, null)")

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    found = conn.execute(
        "select user_id, bucket, granted::int from credits.imported_balances"
        " where granted <> 0 order by user_id, bucket"
    )
    assert [(row.user_id.int, row.bucket, row.granted) for row in found] == [
        (1, "balance", 5), (1, "bonus_credits", 5), (1, "pack_credits", 20),
        (2, "bonus_credits", 2), (2, "pack_credits", 20),
        (3, "pack_credits", 4),
        (5, "balance", 7),
    ]  # fmt: skip
    assert prove(conn, plan).forgiven == 2
    assert rows(conn, "verify_ledger") == []


PLAN_OF_0_1_0 = """
version = 1
schemas = ["public"]
user_ids = "uuid"
credits_per_unit = 1
negatives = "zero"
in_flight = "adopt"
stuck_after_days = 1
unnamed_refunds = "count"

[[balances]]
table = "public.user_credits"
key = "user_id"
user = "user_id"
close = "table"

[[balances.buckets]]
column = "bonus_credits"
expires = "never"

[[balances.buckets]]
column = "monthly_credits"
expires = "never"

[[history]]
table = "public.credit_transactions"
key = "id"
user = "user_id"
at = "created_at"
amount = "amount"
sign = "stored"
kind = "reason"
close = "table"

[history.kinds]
signup_bonus = "grant"
pack_purchase = "grant"
generation = "charge"
"""


def test_a_plan_of_0_1_0_is_run_and_proved(conn: Conn, nobody: Nobody, tmp_path: Path) -> None:
    conn.execute(MONTHLY_IS_A_BALANCE.encode())
    (tmp_path / "plan.toml").write_text(PLAN_OF_0_1_0)
    plan = read_plan(tmp_path / "plan.toml")

    run(conn, plan, nobody)

    assert balances(conn) == [23]
    assert prove(conn, plan).by_history == 23


def test_commands_ask_refuse_and_show_what_the_history_says(
    database: Database, conn: Conn, tmp_path: Path
) -> None:
    def adopt(*arguments: str) -> subprocess.CompletedProcess[str]:
        return pgcredits("adopt", *arguments, dsn=database.dsn, folder=tmp_path)

    conn.execute(COLUMNS.encode())
    inspected = adopt("inspect")
    assert "which columns add up? balance + bonus_credits = 50 credits" in inspected.stdout
    asked = adopt("plan")
    assert asked.returncode == 0
    assert asked.stderr.startswith("to do: public.wallets: which columns add up?")
    refused = adopt("run")
    assert refused.returncode == 24
    assert "error: the plan leaves a question open" in refused.stderr

    conn.execute(
        "create table credit_log (id int primary key, user_id uuid, type text, amount int,"
        " created_at timestamptz)"
    )
    add(conn, "credit_log", "values (1, u(1), 'bonus', 20), (2, u(1), 'purchase', 10)")
    assert adopt("plan", "--force").stderr == ""
    plan = tmp_path / "pgcredits-adopt.toml"
    right = plan.read_text()
    assert "# By the history 1 of 1 users have these balances." in right
    assert 'includes = "bonus_credits" # These are part of it' in right
    plan.write_text(right.replace('includes = "bonus_credits"', ""))
    refused = adopt("run")
    assert refused.returncode == 24
    assert f"{systems.user(1)} has 50, and 30 by it" in refused.stderr

    plan.write_text(right)
    moved = adopt("run")
    assert (moved.returncode, moved.stderr) == (0, "")
    (row,) = (line for line in moved.stdout.splitlines() if line.startswith("│ credits "))
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["credits", "30", "30", "30"]
