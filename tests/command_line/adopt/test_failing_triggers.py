"""Triggers that the cut-over would break: nobody finds out by a sign-up that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.plan.reading import read_plan

if TYPE_CHECKING:
    from pathlib import Path

    from command_line.adopt.systems import Nobody

TABLES = f"""
create schema private;
create table users (id uuid primary key, email text);
create table user_credits (user_id uuid primary key references users, credits int not null);
insert into users values ('{systems.user(1)}', 'x');
"""
TRIGGER = """
create function {schema}.{name}() returns trigger language plpgsql as $$
begin {body} return new; end $$;
create trigger {name} after insert on users for each row execute function {schema}.{name}();
"""
GIVES = "insert into public.user_credits values (new.id, 5);"


def signing_up(conn: psycopg.Connection[Any], body: str = GIVES, schema: str = "public") -> None:
    conn.execute(TABLES)
    conn.execute(TRIGGER.format(schema=schema, name="on_signup", body=body).encode())


def failing(conn: psycopg.Connection[Any]) -> list[str]:
    return [function for function, _ in inspect(conn, ["public"]).discovery.failing]


@pytest.mark.parametrize("schema", ["public", "private"])
@pytest.mark.parametrize("accepted", ["{}", "{schema}.{}", "{schema}.{}()"])
def test_run_refuses_until_a_failing_sign_up_is_accepted(
    conn: psycopg.Connection[Any], nobody: Nobody, schema: str, accepted: str
) -> None:
    signing_up(conn, schema=schema)
    plan = inspect(conn, ["public"]).discovery.plan

    with pytest.raises(PlanError, match=rf"{schema}\.on_signup\(\) will fail") as refused:
        run(conn, plan, nobody)
    assert 'accept_failing = ["on_signup"]' in str(refused.value.hint)
    assert conn.execute("select from credits.imported_tables").fetchall() == []
    conn.execute("insert into users values (gen_random_uuid(), 'still works')")

    name = accepted.format("on_signup", schema=schema)
    run(conn, replace(plan, accept_failing=(name,)), nobody)
    with pytest.raises(psycopg.Error) as failed:
        conn.execute("insert into users values (gen_random_uuid(), 'fails')")
    assert failed.value.sqlstate == "PT410"


def test_the_plan_says_how_to_accept_it(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path
) -> None:
    signing_up(conn, schema="private")
    text = draft(inspect(conn, ["public"]).discovery)
    accepting = 'accept_failing = ["on_signup"]'
    assert f"# {accepting}" in text

    text = text.replace("version = 1", f"version = 1\n{accepting}")
    (tmp_path / "plan.toml").write_text(text)
    run(conn, read_plan(tmp_path / "plan.toml"), nobody)


def test_a_trigger_that_calls_what_fails_will_fail(conn: psycopg.Connection[Any]) -> None:
    signing_up(conn, body="perform private.give(new.id);")
    assert failing(conn) == []

    conn.execute(
        "create function private.insert_row(p_user uuid) returns void language sql as"
        " $$ insert into public.user_credits values (p_user, 5) $$;"
        "create function private.give(p_user uuid) returns void language plpgsql as"
        " $$ begin perform private.insert_row(p_user); end $$"
    )

    assert failing(conn) == ["public.on_signup()"]


def test_a_users_table_that_stays_open_fails_with_its_triggers(
    conn: psycopg.Connection[Any], nobody: Nobody
) -> None:
    """Only its credits are closed: new users are rows of it, and the trigger writes the history."""
    conn.execute(
        "create table profiles (id uuid primary key, credits int not null default 0);"
        "create table credit_log (id bigint generated always as identity primary key, user_id uuid,"
        " amount int, type text, created_at timestamptz default now());"
        "create function on_signup() returns trigger language plpgsql as $$ begin"
        " insert into credit_log (user_id, amount, type) values (new.id, 5, 'grant');"
        " return new; end $$;"
        "create trigger on_signup after insert on profiles"
        " for each row execute function on_signup()"
    )

    assert failing(conn) == ["public.on_signup()"]
    with pytest.raises(PlanError, match="on_signup"):
        run(conn, inspect(conn, ["public"]).discovery.plan, nobody)


def test_an_insert_that_names_no_columns_writes_the_credits(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute(
        "create table users (id uuid primary key, email text);"
        "create table profiles (id uuid primary key, credits int not null default 0)"
    )
    conn.execute(
        TRIGGER.format(
            schema="public", name="on_signup", body="insert into profiles values (new.id, 5);"
        ).encode()
    )

    assert failing(conn) == ["public.on_signup()"]


def test_what_goes_on_to_work_is_not_asked_about(
    conn: psycopg.Connection[Any], nobody: Nobody
) -> None:
    """A delete inside a trigger passes, and so does a trigger that only reads."""
    conn.execute(TABLES)
    conn.execute(
        "insert into user_credits select id, 5 from users;"
        "create function on_goodbye() returns trigger language plpgsql as $$ begin"
        " delete from user_credits where user_id = old.id; return old; end $$;"
        "create trigger on_goodbye before delete on users"
        " for each row execute function on_goodbye();"
        "create function on_look() returns trigger language plpgsql as $$ begin"
        " perform 1 from user_credits for update; return new; end $$;"
        "create trigger on_look after update on users for each row execute function on_look()"
    )

    run(conn, inspect(conn, ["public"]).discovery.plan, nobody)

    conn.execute("update users set email = 'y'")
    conn.execute("delete from users")


def test_a_foreign_key_that_is_set_to_null_would_fail(
    conn: psycopg.Connection[Any], nobody: Nobody
) -> None:
    """A user is deleted, and what is kept of them is changed: but that is closed."""
    conn.execute(
        TABLES + "create table credit_log (id bigint generated always as identity primary key,"
        " user_id uuid references users on delete set null, amount int, type text,"
        " created_at timestamptz default now())"
    )
    conn.execute(
        "insert into credit_log (user_id, amount, type) select id, 5, 'grant' from users;"
        "insert into user_credits select id, 5 from users;"
        "alter table user_credits drop constraint user_credits_user_id_fkey"
    )
    key = "credit_log_user_id_fkey"
    assert failing(conn) == [f"foreign key {key} (on delete set null)"]
    plan = inspect(conn, ["public"]).discovery.plan

    with pytest.raises(PlanError, match=key):
        run(conn, plan, nobody)
    run(conn, replace(plan, accept_failing=(key,)), nobody)

    with pytest.raises(psycopg.Error) as failed:
        conn.execute("delete from users")
    assert failed.value.sqlstate == "PT410"


def test_a_trigger_that_writes_by_format_will_fail(conn: psycopg.Connection[Any]) -> None:
    signing_up(
        conn, "execute format('insert into %I values ($1, 5)', 'user_credits') using new.id;"
    )

    assert failing(conn) == ["public.on_signup()"]
