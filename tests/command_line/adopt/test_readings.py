"""Readings of an older system's tables are hypotheses: its history decides between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from command_line.adopt.older import (
    ADDS_TO_BOTH,
    LOG,
    MONTHLY_IS_A_BALANCE,
    TOTAL_WITH_PART,
    Conn,
    add,
    balances,
    planned,
    refused_by,
)
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.proving import prove
from pgcredits.adopt.move.running import run
from support.api import rows

if TYPE_CHECKING:
    from pathlib import Path

    from command_line.adopt.systems import Nobody


def test_a_total_and_its_part_come_over_once(conn: Conn, nobody: Nobody, tmp_path: Path) -> None:
    conn.execute(TOTAL_WITH_PART.encode())
    conn.execute(ADDS_TO_BOTH.encode())

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    because = (
        "# public.user_credits: current_balance includes purchased_credits_balance:"
        " public.add_purchased(uuid, integer) changes both by the same amount"
    )
    assert because in (tmp_path / "plan.toml").read_text()
    assert balances(conn) == [50, 105]
    lots = conn.execute(
        "select user_id, granted, expires_at is null as lasts from credits.credit_lots"
        " order by user_id, granted"
    ).fetchall()
    assert [(lot.user_id.int, lot.granted, lot.lasts) for lot in lots] == [
        (1, 5, False), (1, 100, True), (2, 50, False),
    ]  # fmt: skip
    assert prove(conn, plan).differences == ()


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
