"""What adopt does not understand, it says: no credits are left behind in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.inspect.showing import as_json, to_html
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.plan.reading import read_plan
from support.program import pgcredits

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from command_line.adopt.systems import Nobody
    from support.databases import Database

WALLETS = f"""
create table profiles (id uuid primary key, credits int not null default 0);
insert into profiles values ('{systems.user(1)}', 5);
create table coin_wallets (id int primary key, holder text, coins int);
insert into coin_wallets values (1, 'x', 980);
"""


def named(conn: psycopg.Connection[Any]) -> list[str]:
    return [table for table, _ in inspect(conn, ["public"]).discovery.not_understood]


@pytest.mark.parametrize(
    "table",
    [
        "user_wallets (id int primary key, holder text, coins int)",
        "token_balances (id int primary key, subject text, tokens bigint)",
        "api_usage (day date, endpoint text, calls int)",
        'quotas ("user" text, feature text, used int, max int)',
        "credit_events (id int primary key, payload jsonb)",
        '"UserCredits" (who text, "creditCount" numeric)',
        "credit_settings (user_id uuid, bonus int)",
        "subscriptions (id int primary key, user_id uuid, plan text, credits_left int)",
    ],
)
def test_a_table_whose_name_speaks_of_credits_is_named(
    blank_database: Database, table: str
) -> None:
    with blank_database.connect() as conn:
        conn.execute(f"create table {table}".encode())
        name = table.split(" ")[0].strip('"')

        found = inspect(conn, ["public"])

        assert [one for one, _ in found.discovery.not_understood] == [f"public.{name}"]
        assert [(one.title, one.where) for one in found.faults] == [
            ("not understood", f"public.{name}")
        ]
        assert found.errors == 1
        assert as_json(found)["not_understood"][0]["table"] == f"public.{name}"
        assert f"Not understood: public.{name}: " in to_html(found)


@pytest.mark.parametrize(
    "table",
    [
        "access_tokens (id int primary key, user_id uuid, expires_in int)",
        "password_reset_tokens (token text primary key, tries int)",
        "credit_cards (id int primary key, last4 int)",
        "credit_packs (id int primary key, name text, credits int, price_cents int)",
        "credit_costs (model text primary key, credits int)",
        "wallet_addresses (id int primary key, address text)",
        "creditors (id int primary key, owed int)",
        "images (id int primary key, user_id uuid, width int)",
    ],
)
def test_what_keeps_no_credits_is_not(blank_database: Database, table: str) -> None:
    with blank_database.connect() as conn:
        conn.execute(f"create table {table}".encode())

        assert named(conn) == []


def test_the_command_says_so_and_ends_with_its_status(
    blank_database: Database, tmp_path: Path
) -> None:
    with blank_database.connect() as conn:
        conn.execute("create table user_wallets (id int primary key, holder text, coins int)")
    said = (
        "not understood: public.user_wallets: it speaks of credits, and nothing says what it keeps"
        " (coins)"
    )

    inspected = pgcredits("adopt", "inspect", dsn=blank_database.dsn, folder=tmp_path)
    planned = pgcredits("adopt", "plan", dsn=blank_database.dsn, folder=tmp_path)

    assert inspected.returncode == 25
    assert said in " ".join(inspected.stdout.split())
    assert "no faults found" not in inspected.stdout
    assert planned.returncode == 24
    assert said in " ".join(planned.stderr.split())


def test_run_refuses_until_the_plan_says_that_it_keeps_none(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(WALLETS)
    text = draft(inspect(conn, ["public"]).discovery)
    assert 'not_credits = ["public.coin_wallets"]' in text
    file = tmp_path / "plan.toml"
    file.write_text(text)
    plan = read_plan(file)

    with pytest.raises(PlanError, match=r"public\.coin_wallets is not understood") as refused:
        run(conn, plan, nobody)
    assert refused.value.hint == (
        'Describe it in the plan, or, if it keeps no credits: not_credits = ["public.coin_wallets"]'
    )
    assert inspect(conn, ["public"], plan=plan).errors == 1

    file.write_text(
        text.replace("version = 1", 'version = 1\nnot_credits = ["public.coin_wallets"]')
    )
    plan = read_plan(file)
    assert inspect(conn, ["public"], plan=plan).errors == 0
    run(conn, plan, nobody)
    # A table that came later does not stop a run that has cut over.
    conn.execute("create table user_coins (id int primary key, coins int)")
    run(conn, plan, nobody)


def test_a_table_that_the_plan_leaves_out_is_named(
    conn: psycopg.Connection[Any], nobody: Nobody
) -> None:
    systems.load(conn, "typed_amounts", dirty=False)
    plan = inspect(conn, ["public"]).discovery.plan

    with pytest.raises(PlanError, match="credit_transactions is not understood"):
        run(conn, replace(plan, history=()), nobody)


def test_a_groups_usage_and_its_jobs_are_read(blank_database: Database) -> None:
    with blank_database.connect() as conn:
        conn.execute(
            "create table organizations (id uuid primary key, owner_id uuid, credits_balance int);"
            "create table credit_usage (id int primary key, organization_id uuid, user_id uuid,"
            " amount int, operation text, job_id uuid, created_at timestamptz default now());"
            "create table jobs (id uuid primary key, organization_id uuid, user_id uuid,"
            " status text, credits_cost int);"
            f"insert into credit_usage values (1, '{systems.user(1)}', null, -5,"
            " 'image_generation')"
        )

        found = inspect(conn, ["public"]).discovery

        assert {one.table.removeprefix("public."): one.role for one in found.recognised} == {
            "organizations": "balances",
            "credit_usage": "history",
            "jobs": "tasks",
        }
        assert {part.user for part in (*found.plan.history, *found.plan.tasks)} == {
            "organization_id"
        }


@pytest.mark.parametrize(
    ("tables", "owner"),
    [
        (
            "create table credit_balances (team_id uuid primary key, balance int);"
            "insert into credit_balances values ('{team}', 12);",
            "team_id",
        ),
        (
            "create table workspaces (id uuid primary key, owner_id uuid, credits int);"
            "insert into workspaces values ('{team}', '{user}', 12);",
            "workspace_id",
        ),
    ],
)
def test_what_a_group_owns_is_the_groups(
    conn: psycopg.Connection[Any], nobody: Nobody, tables: str, owner: str
) -> None:
    team, user = systems.user(7), systems.user(1)
    conn.execute(
        (tables.format(team=team, user=user)
        + f"create table credit_transactions (id int primary key, user_id uuid, {owner} uuid,"
        " amount int, type text, created_at timestamptz default now());"
        f"insert into credit_transactions values (1, '{user}', '{team}', 15, 'granted'),"
        f" (2, '{user}', '{team}', -3, 'deducted');"
        f"create table tasks (id uuid primary key, user_id uuid, {owner} uuid, status text,"
        " credits_charged int)").encode()
    )  # fmt: skip

    found = inspect(conn, ["public"])

    assert {part.user for part in (*found.discovery.plan.history, *found.discovery.plan.tasks)} == {
        owner
    }
    assert not [one.title for one in found.faults if "match" in one.title]
    run(conn, found.discovery.plan, nobody)
    assert conn.execute("select user_id, balance from credits.user_credits").fetchall() == [
        (team, 12)
    ]


def test_what_the_platform_has_at_providers_is_no_users(conn: psycopg.Connection[Any]) -> None:
    """Nor is a sum by day; wherever a column, or a user's table, could name an owner, it asks."""
    conn.execute(
        "create table users (id int primary key, email text);"
        "create table provider_credits (provider text primary key, balance numeric, at date);"
        "create table credit_requests (provider text references provider_credits, credits int,"
        " note text);"
        "create table token_usage (day date primary key, tokens bigint);"
        "create table token_pools (provider text primary key, holder text, tokens bigint);"
        "create table coin_pools (id int primary key, provider text, coins int);"
        "create table orders (user_id int references users, pool int references coin_pools);"
        "create table quota_of_days (day date, path text, calls int, primary key (day, path))"
    )

    assert named(conn) == ["public.coin_pools", "public.quota_of_days", "public.token_pools"]
    proposed = [one.name for one in inspect(conn, ["public"]).leftovers]
    assert proposed == ["public.credit_requests", "public.provider_credits", "public.token_usage"]
