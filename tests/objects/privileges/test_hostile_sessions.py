"""A caller who owns a schema, and everything that a session can set, changes nothing."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from objects.privileges import shadows
from objects.privileges.test_matrix import functions
from support.api import call, new_user, refused, rows
from support.books import NOON, grant, refused_without_trace
from support.clock import set_clock
from support.state import everything

if TYPE_CHECKING:
    from support.databases import Database

SETTINGS = (
    "set timezone = 'Asia/Kathmandu'",
    "set intervalstyle = 'sql_standard'",
    "set bytea_output = 'escape'",
    "set extra_float_digits = -15",
    "set transform_null_equals = on",
    "set array_nulls = off",
    "set row_security = off",
    "set constraint_exclusion = on",
    "set plan_cache_mode = force_generic_plan",
    "set check_function_bodies = off",
)


ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Caller:
    """Calls functions, remembers which, and what they answered: ids as words."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn
        self.called: set[str] = set()
        self.answers: list[Any] = []

    def __call__(self, function: str, *args: Any, **named: Any) -> list[Any]:
        self.called.add(function)
        try:
            found = rows(self.conn, function, *args, **named)
        except psycopg.Error as error:
            diag = error.diag
            assert diag.message_primary != shadows.SHADOWED, function
            self.answers.append((function, diag.sqlstate, _without_id(diag.message_detail)))
            return []
        self.answers.append((function, [tuple(map(_without_id, row)) for row in found]))
        return found

    def one(self, function: str, *args: Any, **named: Any) -> Any:
        """The one row of a call that is answered."""
        (row,) = self(function, *args, **named)
        return row


def _without_id(value: Any) -> Any:
    if isinstance(value, UUID):
        return "id"
    if isinstance(value, str):
        return ID.sub("id", value)
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return ID.sub("id", str(value))
    return value


def everything_a_caller_does(caller: Caller) -> None:
    """Every function there is, answered and refused, for one new user."""
    user = new_user()
    caller("register_user", str(user))
    caller("register_user", "Größe")
    for external_id in ("user_1", " user_1", "Größe", str(user)):
        caller("user_id", external_id)
    granted = caller.one(
        "grant_user_credits",
        user,
        100,
        p_source="purchase",
        p_idempotency_key=f"pi {user}",
        p_unit_price_usd=Decimal("0.05"),
        p_expires_at=NOON + timedelta(days=20),
        p_metadata={"a": 1},
    )
    caller("grant_user_credits", user, 5, p_source="promo", p_expires_at=NOON + timedelta(days=1))
    charge = caller.one(
        "deduct_user_credits",
        user,
        30,
        p_reason="an image",
        p_idempotency_key="job-1",
        p_cost_usd=Decimal("0.25"),
        p_metadata={"a": 1},
    )
    caller("deduct_user_credits", user, 2)
    caller("deduct_user_credits", user, 30, p_idempotency_key="job-1")
    caller("deduct_user_credits", user, 31, p_idempotency_key="job-1")
    caller("deduct_user_credits", user, 1000)
    caller("deduct_user_credits", user, 0)
    caller("refund_user_credits", user, charge.transaction_id, 10, p_idempotency_key="rf-1")
    caller("refund_user_credits", user, charge.transaction_id, 25)
    caller("refund_user_credits", user, granted.transaction_id)
    caller("refund_user_credits", user, charge.transaction_id)
    caller("refund_user_credits", user, charge.transaction_id)
    caller("set_user_plan", user, "plus")
    caller("set_user_plan", user, "none")
    caller("set_low_balance_threshold", user, 10)
    caller("freeze_user_credits", user, "under review")
    caller("deduct_user_credits", user, 1)
    caller("unfreeze_user_credits", user)
    caller("revoke_user_credits", user, granted.transaction_id, 20, p_reason="chargeback")
    caller("revoke_user_credits", user, granted.transaction_id)
    caller("apply_allowances")
    caller("apply_monthly_allowances")
    generations_of(caller, user)
    caller("get_user_credits", user)
    caller("get_user_credits_at", user, NOON)
    caller("get_user_transactions", user)
    caller("get_user_transactions", user, p_before_seq=3, p_limit=1)
    caller("redact_user", user)
    caller("expire_user_credits")
    caller("verify_ledger")
    caller("verify_ledger_part", p_user_id=user)
    caller("check_ledger")


def generations_of(caller: Caller, user: UUID) -> None:
    """One that fails, one that succeeds cheaper, one that is cancelled, one that times out."""
    caller("grant_user_credits", user, 50)
    order = ("nanobanana", "image", 10)
    ids = [UUID(int=user.int ^ n) for n in range(1, 5)]
    task = f"task {user}"
    for generation in ids:
        caller("start_generation", user, *order, p_generation_id=generation, p_metadata={"a": 1})
    caller("start_generation", user, *order, p_generation_id=ids[0])
    caller("start_generation", user, *order, p_retry_of=user)
    caller("handle_provider_callback", "nanobanana", task, "400", "no", p_payload={"b": [1]})
    caller("attach_provider_task", user, ids[0], task)
    caller("handle_provider_callback", "NanoBanana", task, "200", p_cost_usd=Decimal("0.04"))
    caller("handle_provider_callback", "nanobanana", task, "?")
    caller("complete_generation", user, ids[1], 7, Decimal("0.04"), {"c": 2})
    caller("fail_generation", user, ids[1], "network_error", "too late")
    caller("attach_provider_task", user, ids[2])
    caller("cancel_generation", user, ids[2], "no longer wanted")
    caller("fail_generation", user, ids[2], "internal_error")
    for function in ("apply_waiting_callbacks", "sweep_stuck_generations", "retry_failed_refunds"):
        caller(function)
    caller("purge_history")
    caller("settle_owed_refunds")
    caller("settle_owed_refunds", False)
    caller("get_generation", user, ids[0])
    caller("explain_charge", user, ids[0])
    raised = caller.one("raise_alert", "odd", "something odd", p_user_id=user, p_level="error")
    caller("acknowledge_alert", user, raised.raise_alert, "Ada")
    caller("resolve_alert", user, raised.raise_alert, "Ada", "seen to")
    caller("check_alerts")
    caller("run_maintenance")


@pytest.fixture
def attacker(conn: psycopg.Connection[Any], stranger: str) -> str:
    """A role that may do all that an operator may, and owns a schema full of shadows."""
    conn.execute(sql.SQL("grant credits_operator to {}").format(sql.Identifier(stranger)))
    shadows.build(conn, stranger)
    return stranger


def hostile(database: Database, attacker: str) -> psycopg.Connection[Any]:
    session = database.connect(role=attacker)
    for setting in SETTINGS:
        session.execute(setting)
    shadows.build_temporary(session)
    # In this order even pg_catalog comes last.
    session.execute("set search_path = shadows, pg_temp, pg_catalog")
    return session


def test_the_shadows_lie_in_wait(database: Database, attacker: str) -> None:
    session = hostile(database, attacker)

    for trap in (
        "select now()",
        "select 1::pg_catalog.int8 + 1::pg_catalog.int8",
        "select pg_catalog.gen_random_uuid() = pg_catalog.gen_random_uuid()",
        "select sum(1::pg_catalog.int8)",
        "select jsonb_build_array('{}'::pg_catalog.jsonb)",
        "insert into user_credits default values",
        "insert into pg_temp.user_credits default values",
    ):
        with refused("P0001") as refusal:
            session.execute(trap)
        assert isinstance(refusal.error, psycopg.Error)
        assert refusal.error.diag.message_primary == shadows.SHADOWED, trap
    with refused("23514"):
        session.execute("select 'x'::text")


@pytest.mark.parametrize(
    ("function", "sqlstate"),
    [
        # A domain of theirs stands for a type of ours.
        ("deduct_user_credits", "23514"),
        ("grant_user_credits", "23514"),
        ("get_user_transactions", "42804"),
    ],
)
def test_it_is_the_fixed_search_path_that_keeps_them_out(
    database: Database,
    conn: psycopg.Connection[Any],
    attacker: str,
    function: str,
    sqlstate: str,
) -> None:
    user = new_user()
    grant(conn, user, 10)
    conn.execute(f"alter function credits.{function} reset search_path")
    session = hostile(database, attacker)

    with refused_without_trace(conn, sqlstate):
        rows(session, function, user, 5)


def test_a_hostile_session_changes_nothing(
    database: Database, conn: psycopg.Connection[Any], attacker: str
) -> None:
    set_clock(conn, NOON)
    honest = Caller(database.connect(role=attacker))
    everything_a_caller_does(honest)
    dishonest = Caller(hostile(database, attacker))

    everything_a_caller_does(dishonest)

    # It tells of what both have done.
    for caller in (honest, dishonest):
        caller("dashboard_stats")
    # check_ledger and the like tell of all users: both find nothing wrong.
    assert dishonest.answers == honest.answers
    assert dishonest.called == {f.name for f in functions(conn) if f.schema == "credits"}
    for name, table in everything(conn).items():
        bait = conn.execute(sql.SQL("select * from {}").format(sql.Identifier("shadows", name)))
        assert bait.fetchall() == [], name
        if name == "user_credits":
            assert len(table) == 2


def test_views_show_a_hostile_session_the_truth(
    database: Database, conn: psycopg.Connection[Any], attacker: str
) -> None:
    grant(conn, new_user(), 5)
    session = hostile(database, attacker)

    for view in ("trial_balance", "balances_by_plan", "credit_liability", "user_statement"):
        query = f"select * from credits_monitoring.{view}"
        assert session.execute(query).fetchall() == conn.execute(query).fetchall() != []


SECRET = "the other schema's secret"  # noqa: S105


@pytest.fixture
def secret(conn: psycopg.Connection[Any]) -> str:
    """A table of somebody else's, of the same owner as ours."""
    conn.execute("create schema private")
    conn.execute("create table private.secret (user_id uuid, plan text, secret text)")
    conn.execute("insert into private.secret values (gen_random_uuid(), 'plus', %s)", (SECRET,))
    return "private.secret"


@pytest.mark.parametrize(
    "payload",
    [
        "'; select secret from private.secret; --",
        "(select secret from private.secret)",
        "private.secret",
        "$$ || (select secret from private.secret) || $$",
        "%s %I %L {0} \\'",
    ],
)
def test_no_argument_reaches_another_schemas_tables(
    database: Database, conn: psycopg.Connection[Any], secret: str, payload: str
) -> None:
    app = database.connect(role="credits_app")
    with refused("42501"):
        app.execute(f"select * from {secret}")
    user = new_user()
    answers: list[Any] = []
    sqlstates: set[str | None] = set()

    def tried(function: str, *args: Any, **named: Any) -> None:
        try:
            answers.extend(rows(app, function, *args, **named))
        except psycopg.Error as error:
            sqlstates.add(error.sqlstate)
            answers.append((str(error), error.diag.message_detail, error.diag.message_hint))

    texts = {"p_reason": payload, "p_idempotency_key": payload, "p_metadata": {payload: payload}}
    tried("grant_user_credits", user, 10, **texts)
    tried("grant_user_credits", user, 10, p_source=payload)
    tried("deduct_user_credits", user, 1, **{**texts, "p_idempotency_key": payload + "2"})
    tried("set_user_plan", user, payload)
    tried("refund_user_credits", user, user, p_reason=payload, p_idempotency_key=payload)
    tried("get_user_transactions", user)

    assert sqlstates == {"PT404", "PT409", "PT422"}
    assert SECRET not in str(answers)
    # The texts are there as they were given, and are nothing but texts.
    entries = [answer for answer in answers if getattr(answer, "reason", None) is not None]
    assert {entry.reason for entry in entries} == {payload}
    assert conn.execute("select count(*)::int from private.secret").fetchone() == (1,)


def test_what_a_caller_evaluates_runs_with_the_callers_rights(
    database: Database, conn: psycopg.Connection[Any], secret: str, stranger: str
) -> None:
    conn.execute(sql.SQL("grant credits_app to {}").format(sql.Identifier(stranger)))
    conn.execute(sql.SQL("create schema own authorization {}").format(sql.Identifier(stranger)))
    app = database.connect(role=stranger)
    app.execute("set check_function_bodies = off")
    app.execute(
        f"create function own.peek() returns text language sql as $$ select secret from {secret} $$"
    )
    app.execute("create domain own.lure as text check (own.peek() is not null)")
    user = new_user()

    for reason in (f"(select secret from {secret})", "own.peek()", "'x'::own.lure"):
        with refused_without_trace(conn, "42501"):
            app.execute(
                f"select * from credits.grant_user_credits(%s, 5, p_reason => {reason})", (user,)
            )


def test_a_callers_own_view_or_trigger_gains_nothing_by_ours(
    database: Database, conn: psycopg.Connection[Any], stranger: str
) -> None:
    conn.execute(sql.SQL("grant credits_app to {}").format(sql.Identifier(stranger)))
    conn.execute(sql.SQL("create schema own authorization {}").format(sql.Identifier(stranger)))
    app = database.connect(role=stranger)

    app.execute("create view own.balances as select * from credits.user_credits")
    with refused("42501"):
        app.execute("select * from own.balances")
    with refused("42501"):
        app.execute(
            "create table own.hook (user_id uuid references credits.user_credits (user_id))"
        )
    app.execute(
        "create function own.hook() returns trigger language plpgsql as $$ begin return new; end $$"
    )
    with refused("42501"):
        app.execute(
            "create trigger hook after insert on credits.credit_transactions"
            " for each row execute function own.hook()"
        )
    with refused("42501"):
        app.execute("create function credits.mine() returns int language sql as 'select 1'")


def test_a_function_is_called_in_from_and_runs_once(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = new_user()
    grant(conn, user, 100)

    conn.execute("select * from credits.deduct_user_credits(%s, 1)", (user,))
    assert call(conn, "get_user_credits", user).balance == 99

    # Why: this runs it once for each column of the result.
    conn.execute("select (credits.deduct_user_credits(%s, 1)).*", (user,))
    assert call(conn, "get_user_credits", user).balance == 94
