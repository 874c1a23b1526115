"""The id that a user has in the application stands wherever their uuid does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql

from objects.users.ids import CLERK, hashed
from objects.views.small_histories import ANN, columns
from support.api import call, value
from support.attempts import fail, refunds_broken, start
from support.books import grant
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

VIEWS = """
select c.relname as name
from pg_class as c
inner join pg_attribute as a on c.oid = a.attrelid
where
    c.relnamespace = 'credits_monitoring'::regnamespace
    and c.relkind = 'v'
    and a.attname = 'user_id'
order by c.relname
"""
NAMES = (
    "alert_history",
    "finished_by_day",
    "generation_costs",
    "generation_facts",
    "ledger_entries",
    "open_alerts",
    "recent_failures",
    "started_by_day",
    "stuck_generations",
    "top_users_monthly",
    "user_costs_monthly",
    "user_statement",
    "users_needing_refunds",
)


def trouble(conn: psycopg.Connection[Any], user: Any) -> None:
    """A user whom every view that names users shows."""
    (row,) = conn.execute("select now() - interval '1 day' as at").fetchall()
    set_clock(conn, row.at)
    grant(conn, user, 100)
    with refunds_broken(conn, user):
        fail(conn, start(conn, user=user))
    start(conn, user=user, p_timeout="1 minute")
    call(conn, "raise_alert", "odd", "something odd", p_user_id=user)
    real_clock(conn)


def test_each_view_that_names_users_has_it(conn: psycopg.Connection[Any]) -> None:
    assert tuple(row.name for row in conn.execute(VIEWS)) == NAMES

    for name in NAMES:
        assert columns(conn, name)["external_user_id"] == "text"


@pytest.mark.parametrize("name", NAMES)
def test_it_shows_the_registered_id_and_null_for_others(
    conn: psycopg.Connection[Any], name: str
) -> None:
    trouble(conn, value(conn, "register_user", CLERK))
    trouble(conn, ANN)

    found = conn.execute(
        sql.SQL(
            "select distinct user_id, external_user_id from {}"
            " where user_id <> '00000000-0000-0000-0000-000000000000'"
        ).format(sql.Identifier("credits_monitoring", name))
    ).fetchall()

    assert set(found) == {(hashed(CLERK), CLERK), (ANN, None)}


@pytest.mark.parametrize("name", NAMES)
def test_who_does_not_ask_for_it_does_not_pay_for_it(
    conn: psycopg.Connection[Any], name: str
) -> None:
    others = [column for column in columns(conn, name) if column != "external_user_id"]

    plan = conn.execute(
        sql.SQL("explain select {} from {}").format(
            sql.SQL(", ").join(map(sql.Identifier, others)),
            sql.Identifier("credits_monitoring", name),
        )
    ).fetchall()

    assert not [line for (line,) in plan if "external_users" in line]


def test_an_analyst_finds_a_user_by_it(conn: psycopg.Connection[Any]) -> None:
    for number in range(50):
        grant(conn, value(conn, "register_user", f"user_{number}"), 1)
    conn.execute("set enable_seqscan = off")
    query = (
        "select s.user_id, s.credits from credits_monitoring.user_statement as s"
        " where s.external_user_id = 'user_7'"
    )

    assert conn.execute(query).fetchall() == [(hashed("user_7"), 1)]
    plan = [line for (line,) in conn.execute(f"explain {query}".encode()).fetchall()]
    assert any("external_users_external_id" in line for line in plan)


def test_a_charge_is_explained_with_it(conn: psycopg.Connection[Any]) -> None:
    user = value(conn, "register_user", CLERK)
    grant(conn, user, 100)
    attempt = start(conn, user=user)

    explained = value(conn, "explain_charge", user, attempt.generation)

    assert (explained["user_id"], explained["external_user_id"]) == (str(user), CLERK)


def test_the_dashboard_names_it(conn: psycopg.Connection[Any]) -> None:
    user = value(conn, "register_user", CLERK)
    grant(conn, user, 100)
    fail(conn, start(conn, user=user))

    (failure,) = value(conn, "dashboard_stats")["recentFailures"]

    assert (failure["userId"], failure["externalUserId"]) == (str(user), CLERK)


def test_a_redacted_user_has_none(conn: psycopg.Connection[Any]) -> None:
    user = value(conn, "register_user", CLERK)
    trouble(conn, user)

    call(conn, "redact_user", user)

    for name in NAMES:
        query = sql.SQL("select external_user_id as id from {} where user_id = %s")
        rows = conn.execute(
            query.format(sql.Identifier("credits_monitoring", name)), (user,)
        ).fetchall()
        assert {row.id for row in rows} == {None}, name
