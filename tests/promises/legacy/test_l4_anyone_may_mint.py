"""L4: anyone may execute the refund function and mint credits (default grants to PUBLIC)."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from command_line.adopt import systems
from pgcredits.adopt.compat.installing import install
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.running import run
from support.api import new_user

OPEN = """
select p.oid::regprocedure::text as name
from pg_proc as p
inner join pg_namespace as n on p.pronamespace = n.oid
where
    n.nspname = any(%s)
    and has_function_privilege('public', p.oid, 'execute')
"""


def test_l4_nothing_of_ours_is_anybodys(conn: psycopg.Connection[Any]) -> None:
    found = conn.execute(
        OPEN, [["credits", "credits_internal", "credits_monitoring", "credits_deploy"]]
    ).fetchall()

    assert found == []


def test_l4_nor_are_the_old_names(conn: psycopg.Connection[Any]) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    assert len(conn.execute(OPEN, [["public"]]).fetchall()) > 8
    plan = inspect(conn, ["public"]).discovery.plan

    run(conn, plan, systems.Nobody())
    install(conn, plan, "legacy")

    assert conn.execute(OPEN, [["legacy"]]).fetchall() == []


def test_l4_a_stranger_mints_nothing_by_the_old_functions_either(
    conn: psycopg.Connection[Any],
) -> None:
    """Whoever may still call them: the tables that they write are closed."""
    systems.load(conn, "photo_platform", dirty=True)
    run(conn, inspect(conn, ["public"]).discovery.plan, systems.Nobody())
    before = conn.execute("select sum(balance) as all from credits.user_credits").fetchone()

    with conn.transaction(force_rollback=True):
        conn.execute("create role somebody_else")
        conn.execute("set local role somebody_else")
        for call in ("refund_user_credits(%s, 1000, 'x')", "add_purchased_credits(%s, 1000)"):
            with pytest.raises(psycopg.Error) as refusal, conn.transaction():
                conn.execute(f"select public.{call}".encode(), [systems.user(1)])
            assert refusal.value.sqlstate == "PT410"
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute("select credits.grant_user_credits(%s, 1000)", [new_user()])

    after = conn.execute("select sum(balance) as all from credits.user_credits").fetchone()
    assert after == before
