"""Where Supabase's roles exist: its two public ones get nothing, its server's is an application.

Roles belong to the whole server, and these have fixed names: so this has a server of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import namedtuple_row

from objects.privileges.matrix import FUNCTIONS
from objects.privileges.test_matrix import RELATIONS, functions, may
from pgcredits.deploy import check, migrate
from pgcredits.server import ephemeral_server
from support.api import call, new_user, refused

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def supabase() -> Iterator[str]:
    """A connection string of a database with Supabase's roles and its generous defaults."""
    with ephemeral_server() as server:
        dsn = server.dsn()
        with psycopg.connect(dsn, autocommit=True) as conn:
            for role in ("anon", "authenticated", "service_role"):
                conn.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
            for kind in ("functions", "tables", "sequences"):
                conn.execute(
                    f"alter default privileges in schema public grant all on {kind}"
                    " to anon, authenticated, service_role"
                )
            conn.execute("grant usage on schema public to anon, authenticated, service_role")
        migrate(dsn)
        yield dsn


@pytest.fixture
def conn(supabase: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(supabase, autocommit=True, row_factory=namedtuple_row) as conn:
        yield conn


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_the_public_roles_get_nothing(conn: psycopg.Connection[Any], role: str) -> None:
    for f in functions(conn):
        query = "select has_function_privilege(%s, %s::oid, 'execute')"
        assert not may(conn, query, role, f.oid), f.signature
    for relation in conn.execute(RELATIONS).fetchall():
        query = "select has_table_privilege(%s, %s::oid, 'select, insert, update, delete')"
        if relation.kind != "S":
            assert not may(conn, query, role, relation.oid), relation.name
    for schema in ("credits", "credits_internal", "credits_monitoring", "credits_deploy"):
        assert not may(conn, "select has_schema_privilege(%s, %s, 'usage')", role, schema)

    conn.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
    with refused("42501"):
        call(conn, "grant_user_credits", new_user(), 1_000_000)
    with refused("42501"):
        conn.execute("select * from credits.user_credits")


def test_the_servers_role_is_an_application(conn: psycopg.Connection[Any]) -> None:
    allowed = {
        f.name
        for f in functions(conn)
        if may(conn, "select has_function_privilege('service_role', %s::oid, 'execute')", f.oid)
    }
    assert allowed == FUNCTIONS["credits_app"] & {
        f.name for f in functions(conn) if f.schema == "credits"
    }

    conn.execute("set role service_role")
    user = new_user()
    assert call(conn, "grant_user_credits", user, 10).balance == 10
    assert call(conn, "deduct_user_credits", user, 4).balance == 6
    with refused("42501"):
        call(conn, "freeze_user_credits", user, "not mine to do")
    with refused("42501"):
        conn.execute("update credits.user_credits set balance = 1000")


def test_migrating_again_and_checking_find_all_in_order(supabase: str) -> None:
    migrate(supabase)

    assert check(supabase).findings == ()
