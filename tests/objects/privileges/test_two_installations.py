"""Role by object where two installations are on one server: neither lets the other's roles in.

Roles belong to the whole server: so this has a server of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import namedtuple_row

from objects.privileges.matrix import CONFIGURATION, FUNCTIONS, OPERATOR, ROLES, SCHEMAS
from objects.privileges.test_matrix import RELATIONS, functions, may
from pgcredits.deploy import check, migrate
from pgcredits.errors import RefusedError
from pgcredits.long_running import Stop
from pgcredits.maintenance import Maintenance
from pgcredits.server import ephemeral_server
from support.api import call, new_user, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What the roles of each database begin with.
PREFIXES = {"production": "", "staging": "staging_"}


@pytest.fixture(scope="module")
def server_dsn() -> Iterator[str]:
    """A server with both, and an application of each that logs in: production_web, staging_web."""
    with ephemeral_server() as server:
        for name, prefix in PREFIXES.items():
            with psycopg.connect(server.dsn(), autocommit=True) as admin:
                admin.execute(f"create database {name}".encode())
            migrate(server.dsn(name), role_prefix=prefix or None)
            with psycopg.connect(server.dsn(), autocommit=True) as admin:
                web = f"create role {name}_web login; grant {prefix}credits_app to {name}_web"
                admin.execute(web.encode())
        yield server.dsn()


@pytest.fixture(params=list(PREFIXES))
def here(request: pytest.FixtureRequest) -> str:
    """One of the two databases."""
    name: str = request.param
    return name


@pytest.fixture
def conn(server_dsn: str, here: str) -> Iterator[psycopg.Connection[Any]]:
    dsn = make_conninfo(server_dsn, dbname=here)
    with psycopg.connect(dsn, autocommit=True, row_factory=namedtuple_row) as conn:
        yield conn


def test_every_object_is_open_to_its_own_installations_roles_only(
    conn: psycopg.Connection[Any], here: str
) -> None:
    public = [f for f in functions(conn) if f.schema == "credits"]
    relations = [r for r in conn.execute(RELATIONS).fetchall() if r.kind != "S"]
    assert len(public) > 30

    for prefix in PREFIXES.values():
        ours = prefix == PREFIXES[here]
        for role in ROLES:
            whole = f"{prefix}{role}"
            allowed = {
                f.name
                for f in public
                if may(conn, "select has_function_privilege(%s, %s::oid, 'execute')", whole, f.oid)
            }
            assert allowed == (FUNCTIONS[role] if ours else set()), whole
            for schema, roles in SCHEMAS.items():
                usage = may(conn, "select has_schema_privilege(%s, %s, 'usage')", whole, schema)
                assert usage == (ours and role in roles), (whole, schema)
            for relation in relations:
                any_way = may(
                    conn,
                    "select has_table_privilege(%s, %s::oid, 'select, insert, update, delete')",
                    whole,
                    relation.oid,
                )
                reads = relation.schema == "credits_monitoring" and role in SCHEMAS[relation.schema]
                writes = role == OPERATOR and relation.name in CONFIGURATION
                assert any_way == (ours and (reads or writes)), (whole, relation.name)


def test_an_application_can_call_where_it_was_let_in_and_not_beside(
    server_dsn: str, here: str
) -> None:
    for there in PREFIXES:
        dsn = make_conninfo(server_dsn, dbname=there, user=f"{here}_web")
        with psycopg.connect(dsn, autocommit=True, row_factory=namedtuple_row) as web:
            if there == here:
                granted = call(web, "grant_user_credits", p_user_id=new_user(), p_credits=5)
                assert granted.balance == 5
            else:
                with refused("42501"):
                    call(web, "grant_user_credits", p_user_id=new_user(), p_credits=5)
                for role in (f"{prefix}{role}" for prefix in PREFIXES.values() for role in ROLES):
                    if role == f"{PREFIXES[here]}credits_app":
                        continue
                    with refused("42501"):
                        web.execute(sql.SQL("set role {}").format(sql.Identifier(role)))


def test_both_check_as_content(server_dsn: str, here: str) -> None:
    report = check(make_conninfo(server_dsn, dbname=here), smoke=True)

    assert (report.findings, report.warnings, report.kept_grants) == ((), (), ())


def test_who_is_refused_is_told_the_role_of_this_installation(server_dsn: str, here: str) -> None:
    dsn = make_conninfo(server_dsn, dbname=here, user=f"{here}_web")

    with pytest.raises(RefusedError) as caught:
        Maintenance(dsn, Stop()).open()

    whole = f"{PREFIXES[here]}credits_operator"
    assert caught.value.hint == f'Let it: grant {whole} to "{here}_web".'
