"""Plans that the old system contradicts are refused, and what plans may say of readings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from command_line.adopt.older import (
    ADDS_TO_BOTH,
    COLUMNS,
    MONTHLY_IS_A_BALANCE,
    TOTAL_WITH_PART,
    Conn,
    add,
    balances,
    planned,
    refused_by,
)
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.move.proving import prove
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.reading import read_plan
from support.api import rows
from support.program import pgcredits

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from command_line.adopt.systems import Nobody
    from support.databases import Database


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


@pytest.mark.parametrize("silence", ["void", "dead", "words"])
def test_a_plan_cannot_silence_a_history_without_saying_so(
    conn: Conn, nobody: Nobody, tmp_path: Path, silence: str
) -> None:
    with_history(conn)
    conn.execute("alter table credit_transactions add status text default 'done'")
    conn.execute(TOTAL_WITH_PART.encode())
    conn.execute(ADDS_TO_BOTH.encode())
    plan = planned(conn, tmp_path)
    (history,) = plan.history
    other: dict[str, Any] = dict.fromkeys(history.kinds, "other")
    wrong = {
        "void": replace(history, status="status", void=("done",)),
        "dead": replace(history, dead="created_at"),
        "words": replace(history, sign="kind", kinds=other),
    }[silence]

    said = refused_by(conn, replace(plan, history=(wrong,)), nobody)

    assert f"{systems.user(1)} has 105, and 0 by it" in said
    run(conn, replace(plan, history=(replace(wrong, explains="nothing"),)), nobody)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('[[balances.buckets]]\ncolumn = "bonus_credits"\nunit_price_usd = -1', "unit_price_usd"),
        ('[[balances.buckets]]\ncolumn = "bonus_credits"\nunit_price_usd = nan', "unit_price_usd"),
        ('[[balances.buckets]]\ncolumn = "bonus_credits"\nunit_price_usd = inf', "unit_price_usd"),
        ('[[balances.buckets]]\ncolumn = "bonus_credits"\npriority = 2147483648', "priority"),
    ],
)
def test_numbers_that_no_lot_has_are_refused(tmp_path: Path, said: str, why: str) -> None:
    (tmp_path / "plan.toml").write_text(
        PLAN_OF_0_1_0.replace('[[balances.buckets]]\ncolumn = "bonus_credits"', said)
    )

    with pytest.raises(PlanError, match=why):
        read_plan(tmp_path / "plan.toml")


def test_a_plan_that_contradicts_itself_is_refused(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(MONTHLY_IS_A_BALANCE.encode())
    plan = planned(conn, tmp_path)
    (history,) = plan.history
    month = replace(plan, history=(replace(history, explains="month"),))

    assert "does not say what a month is" in refused_by(conn, month, nobody)
    both = replace(plan, not_credits=("public.user_credits",))
    assert "is read, and stands in not_credits" in refused_by(conn, both, nobody)
