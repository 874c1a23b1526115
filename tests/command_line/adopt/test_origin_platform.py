"""The origin's platform: the script of its application works the same before and after the move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql

from command_line.adopt import systems
from command_line.adopt.origin_application import Application
from pgcredits.adopt.compat.installing import install
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.proving import prove
from pgcredits.adopt.move.running import run
from support.api import call

if TYPE_CHECKING:
    from uuid import UUID

    from command_line.adopt.systems import Nobody
    from support.databases import Database

Conn = psycopg.Connection[Any]

PLANS = """
update credits.plans set monthly_credits = 10 where plan = 'free';
update credits.plans set monthly_credits = 50 where plan = 'pro';
"""
RIGHTS = """
grant usage on schema auth, public to {role};
grant select, insert, update, delete on all tables in schema auth, public to {role};
alter role {role} bypassrls;
"""


@pytest.fixture
def application(database: Database, conn: Conn, stranger: str) -> Application:
    """The platform before the move, and its application, by a role of its own."""
    conn.execute(PLANS)
    conn.execute((systems.SHAPES / "origin_platform.sql").read_bytes())
    conn.execute(sql.SQL(RIGHTS).format(role=sql.Identifier(stranger)))
    session = database.connect(role=stranger)
    session.execute("set search_path = legacy, public")
    session.execute("set application_name = 'origin'")
    return Application(session)


def move(conn: Conn, nobody: Nobody, role: str) -> None:
    """Move the platform over as its plan says, but for what an operator opts in to."""
    plan = inspect(conn, ["public"]).discovery.plan
    (part,) = plan.balances
    assert {bucket.column: bucket.includes for bucket in part.buckets} == {
        "current_balance": "purchased_credits_balance",
        "purchased_credits_balance": (),
    }
    assert part.tier == "subscription_tier"
    part = replace(part, writable=True, tiers={"FREE": "free", "PRO": "pro"})
    plan = replace(
        plan,
        balances=(part,),
        compat_max_rise=100,
        # What came and what was given is in no history of this platform.
        history=tuple(replace(one, explains="nothing") for one in plan.history),
    )
    run(conn, plan, nobody)
    assert not prove(conn, plan).differences
    install(conn, plan, "legacy")
    conn.execute(sql.SQL("grant credits_app to {}").format(sql.Identifier(role)))


def entries(conn: Conn, user: UUID) -> list[tuple[str, int]]:
    """A user's ledger, the oldest first."""
    return [
        tuple(row)
        for row in conn.execute(
            "select transaction_type::text, credits from credits.credit_transactions"
            " where user_id = %s order by seq",
            [user],
        )
    ]


def test_its_script_works_the_same_before_and_after(
    application: Application, conn: Conn, nobody: Nobody, stranger: str
) -> None:
    application.play()
    before = application.shown
    move(conn, nobody, stranger)
    after = Application(application.conn)

    after.play()

    assert [(step, total) for step, total, _ in after.shown] == [
        (step, total) for step, total, _ in before
    ]
    assert application.ignored == []
    # An old body that somebody calls by its schema reads FOR UPDATE, and writes, through the view.
    ((answer,),) = after.send("select public.consume_user_credits(%s, 6)", after.user)
    assert answer == {"success": True, "remaining_balance": after.shown[-1][1] - 6}
    # The log of charges is the ledger's now.
    assert after.ignored == ["55000"]
    assert entries(conn, after.user) == [
        ("grant", 10), ("deduction", -2), ("deduction", -3), ("grant", 100), ("deduction", -20),
        ("refund", 20), ("grant", 50), ("deduction", -4), ("deduction", -7), ("refund", 7),
        ("grant", 5), ("deduction", -6),
    ]  # fmt: skip
    assert after.history() == [2, 3, 20, 4, 7, 6]
    # Its tasks are generations, each paid by a charge that the application wrote.
    assert sorted(
        tuple(row)
        for row in conn.execute(
            "select status::text, credits_charged from credits.generations where user_id = %s",
            [after.user],
        )
    ) == [("failed", 7), ("succeeded", 4)]
    # What came over is what was left, and the page, the ledger and pgcredits agree.
    for one in (application, after):
        one.show("now")
        assert one.shown[-1][1] == call(conn, "get_user_credits", one.user).balance
    assert application.shown[-1][1] == before[-2][1]
    ((consumed,),) = application.send(
        "select consumed_this_month from user_credits where user_id = %s", after.user
    )
    # The new function charges, and keeps no counters of the old table.
    assert consumed == 2 + 3 + 4 + 7 + 6
    assert {row[0] for row in conn.execute("select application from credits.legacy_writes")} == {
        "origin"
    }


def test_its_months_and_plans_are_those_of_pgcredits(
    application: Application, conn: Conn, nobody: Nobody, stranger: str
) -> None:
    """A reset that gives back what was spent (L2), and a change of plan, bring what plans bring."""
    application.sign_up()
    assert application.charge_if_enough(6)
    application.webhook_writes(100)
    move(conn, nobody, stranger)
    conn.execute("update legacy.old_user_credits set last_reset_at = now() - interval '31 days'")

    application.reset_month()
    application.show("reset")
    application.change_plan()
    application.show("changed plan")
    application.reset_month()
    application.show("reset")

    # Of the 50 that the new plan brings, the old one had brought 10.
    assert application.shown == [
        ("reset", 104, 100), ("changed plan", 144, 100), ("reset", 144, 100),
    ]  # fmt: skip
    assert call(conn, "get_user_credits", application.user).plan == "pro"


def test_a_user_leaves(application: Application, conn: Conn, nobody: Nobody, stranger: str) -> None:
    application.sign_up()
    move(conn, nobody, stranger)

    application.leave()

    assert application.send("select from user_credits") == []
    assert call(conn, "get_user_credits", application.user).balance == 10
