"""Role by object: everything that is not in the contract is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from objects.privileges.matrix import (
    CONFIGURATION,
    EXISTING,
    FUNCTIONS,
    OPERATOR,
    ROLES,
    SCHEMAS,
)
from support.api import call, new_user, refused
from support.books import grant, no_trace

if TYPE_CHECKING:
    from support.databases import Database

# has_..._privilege() knows PUBLIC by this name.
PUBLIC = "public"

ALL_FUNCTIONS = """
    select
        p.oid,
        n.nspname as schema,
        p.proname as name,
        p.oid::regprocedure::text as signature,
        p.prosecdef as is_definer,
        p.proconfig as settings,
        l.lanname as language,
        p.prorettype = 'trigger'::regtype as is_trigger,
        pg_get_userbyid(p.proowner) as owner,
        array(
            select format_type(t.oid, null)
            from unnest(p.proargtypes::oid[]) with ordinality as a (oid, n)
            inner join pg_type as t on a.oid = t.oid
            order by a.n
        ) as arguments
    from pg_proc as p
    inner join pg_namespace as n on p.pronamespace = n.oid
    inner join pg_language as l on p.prolang = l.oid
    where n.nspname in ('credits', 'credits_internal', 'credits_monitoring', 'credits_deploy')
    order by n.nspname, p.proname
"""

RELATIONS = """
    select c.oid, n.nspname as schema, c.relname as name, c.relkind as kind
    from pg_class as c
    inner join pg_namespace as n on c.relnamespace = n.oid
    where
        n.nspname in ('credits', 'credits_internal', 'credits_monitoring', 'credits_deploy')
        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    order by n.nspname, c.relname
"""


def functions(conn: psycopg.Connection[Any]) -> list[Any]:
    return conn.execute(ALL_FUNCTIONS).fetchall()


def may(conn: psycopg.Connection[Any], query: str, *parameters: Any) -> bool:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return bool(row[0])


def test_each_function_is_for_whom_the_contract_says(conn: psycopg.Connection[Any]) -> None:
    public = {f.name: f for f in functions(conn) if f.schema == "credits"}
    assert public.keys() >= EXISTING

    for role in ROLES:
        allowed = {
            name
            for name, f in public.items()
            if may(conn, "select has_function_privilege(%s, %s::oid, 'execute')", role, f.oid)
        }
        assert allowed == FUNCTIONS[role] & public.keys(), role
    # Nothing is there that the contract does not name.
    assert public.keys() <= FUNCTIONS[OPERATOR]


def test_nobody_may_execute_what_is_internal(conn: psycopg.Connection[Any]) -> None:
    internal = [f for f in functions(conn) if f.schema != "credits"]
    assert len(internal) > 40

    for role in (*ROLES, PUBLIC):
        for f in internal:
            query = "select has_function_privilege(%s, %s::oid, 'execute')"
            assert not may(conn, query, role, f.oid), (role, f.signature)


def test_public_may_execute_nothing(conn: psycopg.Connection[Any]) -> None:
    for f in functions(conn):
        query = "select has_function_privilege('public', %s::oid, 'execute')"
        assert not may(conn, query, f.oid), f.signature


def test_functions_are_granted_to_these_roles_and_to_nobody_else(
    conn: psycopg.Connection[Any],
) -> None:
    grantees = conn.execute(
        "select distinct coalesce(nullif(a.grantee, 0)::regrole::text, 'public') as grantee,"
        " a.is_grantable"
        " from pg_proc as p"
        " cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a"
        " where p.pronamespace::regnamespace::text like 'credits%' and a.grantee <> p.proowner"
    ).fetchall()

    assert set(grantees) <= {(role, False) for role in ROLES}


@pytest.mark.parametrize("role", [*ROLES, None])
def test_calls_are_let_through_or_refused_accordingly(
    database: Database, conn: psycopg.Connection[Any], stranger: str, role: str | None
) -> None:
    grant(conn, new_user(), 10)
    caller = database.connect(role=role or stranger)
    allowed = FUNCTIONS[role] if role else set()

    with no_trace(conn):
        for f in functions(conn):
            nulls = sql.SQL(", ").join(
                # A strict function is not called for a plain null: the planner knows its answer.
                sql.SQL("(select null::{})").format(sql.SQL(argument))
                for argument in f.arguments
            )
            query = sql.SQL("select * from {}({})").format(sql.Identifier(f.schema, f.name), nulls)
            sqlstate = None
            try:
                with caller.transaction(force_rollback=True):
                    caller.execute(query)
            except psycopg.Error as error:
                sqlstate = error.sqlstate
            if f.schema == "credits" and f.name in allowed:
                # Refused for its nulls, or carried out.
                assert sqlstate in (None, "PT422"), (f.signature, sqlstate)
            else:
                assert sqlstate == "42501", (f.signature, sqlstate)


def test_schemas_are_open_to_whom_the_contract_says(conn: psycopg.Connection[Any]) -> None:
    for schema, allowed in SCHEMAS.items():
        for role in (*ROLES, PUBLIC):
            query = "select has_schema_privilege(%s, %s, %s)"
            assert may(conn, query, role, schema, "usage") == (role in allowed), (role, schema)
            assert not may(conn, query, role, schema, "create"), (role, schema)


def test_tables_are_closed_but_for_the_operators_configuration(
    conn: psycopg.Connection[Any],
) -> None:
    version = conn.info.server_version
    privileges = ["select", "insert", "update", "delete", "truncate", "references", "trigger"]
    privileges += ["maintain"] if version >= 170000 else []
    configuration = {"select", "insert", "update", "delete"}
    seen = set()

    for relation in conn.execute(RELATIONS).fetchall():
        if relation.kind == "S":
            continue
        for role in (*ROLES, PUBLIC):
            allowed = {
                privilege
                for privilege in privileges
                if may(
                    conn,
                    "select has_table_privilege(%s, %s::oid, %s)",
                    role,
                    relation.oid,
                    privilege,
                )
            }
            if relation.schema == "credits_monitoring":
                reads = role in SCHEMAS["credits_monitoring"]
                assert allowed == ({"select"} if reads else set()), (role, relation.name)
            elif relation.schema == "credits" and relation.name in CONFIGURATION:
                seen.add(relation.name)
                assert allowed == (configuration if role == OPERATOR else set()), (
                    role,
                    relation.name,
                )
            else:
                assert allowed == set(), (role, relation.name)

    assert seen >= CONFIGURATION


def test_no_column_is_open_where_its_table_is_closed(conn: psycopg.Connection[Any]) -> None:
    granted = conn.execute(
        "select a.attrelid::regclass::text, a.attname, a.attacl::text from pg_attribute as a"
        " inner join pg_class as c on c.oid = a.attrelid"
        " where c.relnamespace::regnamespace::text like 'credits%' and a.attacl is not null"
    ).fetchall()

    assert granted == []


def test_no_sequence_is_open(conn: psycopg.Connection[Any]) -> None:
    for sequence in conn.execute(RELATIONS).fetchall():
        if sequence.kind == "S":
            for role in (*ROLES, PUBLIC):
                query = "select has_sequence_privilege(%s, %s::oid, 'usage, select, update')"
                assert not may(conn, query, role, sequence.oid), (role, sequence.name)


@pytest.mark.parametrize("role", [*ROLES, None])
def test_user_data_can_be_neither_read_nor_written(
    database: Database, conn: psycopg.Connection[Any], stranger: str, role: str | None
) -> None:
    grant(conn, new_user(), 10)
    session = database.connect(role=role or stranger)
    tables = [
        relation.name
        for relation in conn.execute(RELATIONS).fetchall()
        if relation.schema == "credits" and relation.name not in CONFIGURATION
    ]
    assert {"user_credits", "credit_lots", "credit_transactions"} <= set(tables)

    with no_trace(conn):
        for table in tables:
            for statement in (
                "select * from {}",
                "insert into {} default values",
                "delete from {}",
                "truncate {}",
                "lock table {}",
            ):
                with refused("42501"), session.transaction():
                    session.execute(sql.SQL(statement).format(sql.Identifier("credits", table)))
        with refused("42501"):
            session.execute("update credits.user_credits set balance = 1000000")


def test_an_operator_configures_plans(database: Database, conn: psycopg.Connection[Any]) -> None:
    operator = database.connect(role=OPERATOR)

    operator.execute(
        "insert into credits.plans (plan, monthly_credits, rollover_max_credits)"
        " values ('team', 500, 100)"
    )
    operator.execute("update credits.plans set monthly_credits = 600 where plan = 'team'")
    operator.execute("delete from credits.plans where plan = 'pro'")

    plans = conn.execute("select plan, monthly_credits from credits.plans order by plan")
    assert plans.fetchall() == [("free", 5), ("plus", 50), ("team", 600)]
    # As an application puts a user on it.
    user = new_user()
    app = database.connect(role="credits_app")
    assert call(app, "set_user_plan", user, "team").plan == "team"
    with refused("23503"):
        operator.execute("delete from credits.plans where plan = 'team'")


def test_the_roles_cannot_log_in_and_are_nothing_special(
    conn: psycopg.Connection[Any],
) -> None:
    for role in ROLES:
        row = conn.execute(
            "select rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication,"
            " rolbypassrls from pg_roles where rolname = %s",
            (role,),
        ).fetchone()
        assert row == (False,) * 6


def test_an_operator_is_all_that_the_others_are(conn: psycopg.Connection[Any]) -> None:
    memberships = {
        (member, role)
        for member in ROLES
        for role in ROLES
        if member != role and may(conn, "select pg_has_role(%s, %s, 'usage')", member, role)
    }

    assert memberships == {(OPERATOR, role) for role in ROLES if role != OPERATOR}


def test_what_was_granted_to_a_login_role_can_be_used_by_it(
    database: Database, conn: psycopg.Connection[Any], stranger: str
) -> None:
    conn.execute(sql.SQL("grant credits_app to {}").format(sql.Identifier(stranger)))
    application = database.connect(role=stranger)
    user = new_user()

    assert grant(application, user, 10).balance == 10
    with refused("42501"):
        call(application, "revoke_user_credits", user, user)
