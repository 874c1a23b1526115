"""Several rows a user, each with a remainder: lots come over as lots, kinds of credits do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from command_line.adopt import systems
from pgcredits.adopt.compat.installing import install
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.proving import prove
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.plan.reading import read_plan
from support.api import call

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from command_line.adopt.systems import Nobody
    from pgcredits.adopt.plan.model import Plan
    from support.databases import Database

PACKAGES = f"""
create table credit_packages (
    id uuid primary key default gen_random_uuid(), user_id uuid not null,
    credits_purchased int not null, credits_remaining int not null, expires_at timestamptz,
    created_at timestamptz default now()
);
insert into credit_packages (user_id, credits_purchased, credits_remaining, expires_at) values
('{systems.user(1)}', 50, 20, now() + interval '20 days'),
('{systems.user(1)}', 10, 10, null),
('{systems.user(1)}', 40, 30, now() - interval '1 day'),
('{systems.user(2)}', 10, 7, null),
('{systems.user(3)}', 10, 0, null);
"""


def planned(conn: psycopg.Connection[Any], folder: Path) -> Plan:
    """The plan as a person would get it, without an edit."""
    file = folder / "plan.toml"
    file.write_text(draft(inspect(conn, ["public"]).discovery))
    return read_plan(file)


def refusal(conn: psycopg.Connection[Any]) -> str:
    """Why the one table that was not understood was not."""
    ((_, why),) = inspect(conn, ["public"]).discovery.not_understood
    return why


def test_each_purchase_becomes_a_lot_with_its_own_end(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(PACKAGES)

    found = inspect(conn, ["public"]).discovery
    assert found.shape == "lots: several rows a user, with what is left of each"
    assert found.not_understood == ()
    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    lots = conn.execute(
        "select l.user_id, l.remaining, l.expires_at = p.expires_at as ends"
        " from credits.credit_lots as l"
        " left join credit_packages as p on (l.user_id, l.remaining, l.expires_at) ="
        " (p.user_id, p.credits_remaining, p.expires_at)"
        " order by l.user_id, l.remaining"
    ).fetchall()
    assert lots == [
        (systems.user(1), 10, None),
        (systems.user(1), 20, True),
        (systems.user(2), 7, None),
    ]
    proof = prove(conn, plan)
    assert (proof.found, proof.expired, proof.in_ledger) == (67, 30, 37)
    assert proof.differences == ()


def test_the_old_name_shows_what_is_left_of_each_lot(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(PACKAGES)
    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)
    install(conn, plan, "legacy")
    call(conn, "deduct_user_credits", systems.user(1), 22)
    call(conn, "grant_user_credits", systems.user(2), 5)

    shown = conn.execute(
        "select user_id, credits_purchased, credits_remaining from legacy.credit_packages"
        " where credits_remaining > 0 order by user_id, credits_purchased"
    ).fetchall()

    assert shown == [
        (systems.user(1), 10, 8),
        (systems.user(2), 10, 7),
        (systems.user(2), None, 5),
    ]


def test_the_old_name_shows_the_ids_that_the_application_knows(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(
        "create table credit_packages (id int primary key, user_id text, remaining int,"
        " expires_at timestamptz);"
        "insert into credit_packages values (1, 'user_2ab', 5, null), (2, 'user_2ab', 0, null)"
    )
    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)
    install(conn, plan, "legacy")
    (user,) = conn.execute("select credits.register_user('user_new') as id").fetchall()
    call(conn, "grant_user_credits", user.id, 3)

    shown = conn.execute("select id, user_id, remaining from legacy.credit_packages order by id")

    assert shown.fetchall() == [(1, "user_2ab", 5), (2, "user_2ab", 0), (None, "user_new", 3)]


@pytest.mark.parametrize(
    "columns",
    [
        "credits_total int, remaining int",
        "amount int, remaining_amount int",
        "initial_credits int, credits_left int, expiry_date date",
        "granted int, balance int, valid_until timestamptz",
    ],
)
def test_lots_of_other_names(blank_database: Database, columns: str) -> None:
    with blank_database.connect() as conn:
        conn.execute(
            "create table user_lots (id int primary key, user_id uuid, type text,"
            f" created_at timestamptz default now(), {columns});".encode()
        )
        first, second = (one.split()[0] for one in columns.split(", ")[:2])
        conn.execute(
            f"insert into user_lots (id, user_id, type, {first}, {second}) values"
            f" (1, '{systems.user(1)}', 'purchase', 10, 4), (2, '{systems.user(1)}', 'bonus', 5, 5)"
            "".encode()
        )

        (balances,) = inspect(conn, ["public"]).discovery.plan.balances

        assert [bucket.column for bucket in balances.buckets] == [second]


def test_the_balance_after_a_step_is_no_lot(blank_database: Database) -> None:
    """What is left after a charge is more than the charge."""
    with blank_database.connect() as conn:
        conn.execute(
            "create table credit_usage_log (id int primary key, user_id uuid, amount int,"
            " remaining_credits int, type text, created_at timestamptz default now());"
            f"insert into credit_usage_log values (1, '{systems.user(1)}', 10, 10, 'purchase'),"
            f" (2, '{systems.user(1)}', -1, 9, 'usage')"
        )

        assert {one.role for one in inspect(conn, ["public"]).discovery.recognised} == {
            "history",
            "balances",
        }


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (
            "create table wallets (id int primary key, user_id uuid, credit_type text,"
            " balance int);"
            "insert into wallets values (1, '{user}', 'image', 5), (2, '{user}', 'video', 7)",
            "credit_type is image, video",
        ),
        (
            "create table wallets (user_id uuid, kind text, balance int,"
            " primary key (user_id, kind));"
            "insert into wallets values ('{user}', 'gpt4', 5), ('{user}', 'sdxl', 7)",
            "kind is gpt4, sdxl",
        ),
        (
            "create table credit_packages (id int primary key, user_id uuid, type text,"
            " credits_purchased int, credits_remaining int, created_at timestamptz);"
            "insert into credit_packages values (1, '{user}', 'image', 5, 5),"
            " (2, '{user}', 'video', 7, 7)",
            "type is image, video",
        ),
        (
            "create table profiles (id uuid primary key, image_credits int, video_credits int);"
            "insert into profiles values ('{user}', 5, 7)",
            "image_credits, video_credits",
        ),
        (
            "create table profiles (id uuid primary key, credits int, tokens int);"
            "insert into profiles values ('{user}', 5, 7)",
            "credits, tokens",
        ),
    ],
)
def test_kinds_of_credits_are_refused_by_name(
    blank_database: Database, table: str, why: str
) -> None:
    with blank_database.connect() as conn:
        conn.execute(table.format(user=systems.user(1)).encode())

        found = inspect(conn, ["public"])

        assert refusal(conn) == f"it keeps several kinds of credits, which do not add up: {why}"
        assert found.discovery.plan.balances == ()
        assert found.errors == 1


@pytest.mark.parametrize(
    "columns",
    [
        "current_balance int, purchased_credits_balance int",
        "plan_credits int, topup_credits int",
        "monthly_credits_balance int, bonus_credits int, referral_credits int",
        "image_credits int",
    ],
)
def test_where_credits_came_from_is_no_kind(blank_database: Database, columns: str) -> None:
    with blank_database.connect() as conn:
        conn.execute(f"create table user_credits (user_id uuid primary key, {columns})".encode())

        found = inspect(conn, ["public"]).discovery

        assert found.not_understood == ()
        assert len(found.plan.balances) == 1


def test_rows_of_which_nobody_knows_whether_they_count_are_refused(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(PACKAGES)
    conn.execute("create table balances (user_id uuid primary key, balance int)")
    conn.execute("alter table credit_packages add status text default 'active'")
    assert len(inspect(conn, ["public"]).discovery.plan.balances) == 2

    conn.execute("update credit_packages set status = 'on hold' where credits_remaining = 7")

    assert refusal(conn) == "nothing says whether credits count where status is on hold"
    with pytest.raises(PlanError, match="credit_packages is not understood"):
        run(conn, planned(conn, tmp_path), nobody)
