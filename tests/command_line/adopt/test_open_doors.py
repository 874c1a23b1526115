"""Row security and grants by which a browser writes the credits that it may spend (L4)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pgcredits.adopt.inspect.inspection import inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from support.databases import Database

OWN = "users may write their own balance"
EVERY = "anyone may write this table"

PROFILES = """
create schema auth;
create function auth.uid() returns uuid language sql stable as 'select null::uuid';
create function auth.role() returns text language sql stable as 'select null::text';
create table profiles (id uuid primary key, name text, credits int not null default 0);
alter table profiles enable row level security;
"""


@pytest.fixture
def app(blank_database: Database) -> Iterator[psycopg.Connection[Any]]:
    with blank_database.connect() as conn:
        conn.execute(PROFILES)
        yield conn


def doors(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """What inspect says of rights on tables, and why."""
    return {one.title: one.detail for one in inspect(conn, ["public"]).faults if one.number == "L4"}


@contextmanager
def role(conn: psycopg.Connection[Any], name: str) -> Iterator[None]:
    conn.execute(f"create role {name}".encode())
    try:
        yield
    finally:
        conn.execute(f"drop owned by {name}; drop role {name}".encode())


@pytest.mark.parametrize(
    "condition",
    [
        "using (auth.uid() = id)",
        "using (auth.uid() = id) with check (auth.uid() = id)",
        "using ((select auth.uid()) = id)",
        "using (id = current_setting('app.user_id')::uuid)",
    ],
)
def test_a_user_who_may_update_the_own_row_can_mint(
    app: psycopg.Connection[Any], condition: str
) -> None:
    app.execute("grant select, update on profiles to public")
    assert doors(app) == {}

    app.execute(f"create policy own on profiles for update {condition}".encode())

    assert doors(app) == {
        OWN: "update: policy own lets users write their own row, credits included"
    }


def test_the_role_of_signed_in_browsers_is_everybody(app: psycopg.Connection[Any]) -> None:
    with role(app, "authenticated"):
        app.execute(
            "create policy own on profiles for update to authenticated using (auth.uid() = id);"
            "grant select, update on profiles to authenticated"
        )
        assert list(doors(app)) == [OWN]


def test_a_user_who_may_insert_the_own_row_can_mint(app: psycopg.Connection[Any]) -> None:
    app.execute(
        "grant insert on profiles to public;"
        "create policy own on profiles for insert with check (auth.uid() = id)"
    )

    assert doors(app) == {
        OWN: "insert: policy own lets users write their own row, credits included"
    }


def test_a_grant_of_other_columns_opens_nothing(app: psycopg.Connection[Any]) -> None:
    app.execute("create policy own on profiles for update using (auth.uid() = id)")
    app.execute("grant update (name) on profiles to public")
    assert doors(app) == {}
    app.execute("alter table profiles disable row level security")
    assert doors(app) == {}

    app.execute("grant update (credits) on profiles to public")
    assert list(doors(app)) == [EVERY]
    app.execute("alter table profiles enable row level security")
    assert list(doors(app)) == [OWN]


@pytest.mark.parametrize(
    "guard",
    [
        "drop policy own on profiles; create policy own on profiles for update"
        " using (auth.uid() = id) with check (auth.uid() = id and credits ="
        " (select p.credits from profiles as p where p.id = auth.uid()))",
        "create policy never on profiles as restrictive for update using (false)",
        "create function keep() returns trigger language plpgsql as $$ begin"
        " new.credits := old.credits; return new; end $$;"
        "create trigger keep before update on profiles for each row execute function keep()",
        "create function keep() returns trigger language plpgsql as $$ begin"
        " if new.credits <> old.credits then raise exception 'no'; end if; return new; end $$;"
        "create trigger keep before update on profiles for each row execute function keep()",
    ],
)
def test_what_keeps_the_credits_as_they_are_shuts_the_door(
    app: psycopg.Connection[Any], guard: str
) -> None:
    app.execute("grant update on profiles to public")
    app.execute("create policy own on profiles for update using (auth.uid() = id)")
    assert list(doors(app)) == [OWN]

    app.execute(guard.encode())

    assert doors(app) == {}


def test_a_trigger_that_only_looks_shuts_nothing(app: psycopg.Connection[Any]) -> None:
    app.execute(
        "grant update on profiles to public;"
        "create policy own on profiles for update using (auth.uid() = id);"
        "create table log (was int, becomes int);"
        "create function note() returns trigger language plpgsql as $$ begin"
        " insert into log values (old.credits, new.credits); return new; end $$;"
        "create trigger note after update on profiles for each row execute function note()"
    )

    assert list(doors(app)) == [OWN]


@pytest.mark.parametrize(
    "condition", ["true", "auth.role() = 'authenticated'", "(select auth.uid()) is not null"]
)
def test_whoever_is_signed_in_is_everybody(app: psycopg.Connection[Any], condition: str) -> None:
    app.execute("grant update on profiles to public")
    app.execute(f"create policy any_row on profiles for update using ({condition})".encode())

    assert doors(app) == {EVERY: "update: policy any_row lets everybody write every row"}


def test_where_the_history_is_the_balance_a_row_of_it_is_money(
    blank_database: Database,
) -> None:
    with blank_database.connect() as conn:
        conn.execute(
            "create table credit_entries (id int primary key, user_id uuid, credit int, debit int,"
            " created_at timestamptz);"
            "alter table credit_entries enable row level security;"
            "grant insert on credit_entries to public;"
            "create policy own on credit_entries for insert"
            " with check (user_id = current_setting('app.user_id')::uuid)"
        )

        assert list(doors(conn)) == [OWN]
