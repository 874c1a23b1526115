"""A filled database of 0.1.0 upgrades in place: nothing is lost, nothing changes, all goes on."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace

from command_line.adopt.older import planned
from command_line.adopt.systems import Nobody
from pgcredits import deploy
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.fingerprints import earlier_fingerprint, fingerprint
from pgcredits.deploy.findings import Kind
from pgcredits.server import ephemeral_server
from pgcredits.sources import read_package
from support.api import call, new_user, refused, rows, value
from support.books import balance, entries
from upgrade import released
from upgrade.released import (
    BUYER,
    FROZEN,
    IN_FLIGHT,
    OWED,
    OWED_BY_ADOPTION,
    PENDING,
    PROCESSING,
    REVOKED,
    SUBSCRIBER,
    UNPAID,
)

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

Conn = Any

LEDGER = "select t.* from credits.credit_transactions as t order by t.user_id, t.seq"
BALANCES = "select u.user_id, u.balance from credits.user_credits as u order by u.user_id"

ARGUMENTS = """
select p.proname as name, p.proargnames[1:p.pronargs] as arguments
from pg_proc as p
where p.pronamespace = 'credits'::regnamespace
"""
COLUMNS = """
select
    c.oid::regclass::text as name,
    array_agg(a.attname::text || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attnum)
        as columns
from pg_class as c
inner join pg_attribute as a on c.oid = a.attrelid
where
    (
        (c.relnamespace = 'credits_monitoring'::regnamespace and c.relkind = 'v')
        or (c.relnamespace = 'credits'::regnamespace and c.relkind = 'c')
    )
    and a.attnum > 0
    and not a.attisdropped
group by c.oid
"""


def shape(conn: Conn) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Arguments of each public function, and columns of each view and result."""
    return (
        {row.name: row.arguments or [] for row in conn.execute(ARGUMENTS)},
        {row.name: row.columns for row in conn.execute(COLUMNS)},
    )


def kept(conn: Conn) -> dict[str, list[Any]]:
    """What an upgrade must leave as it is: the ledger, balances, and every public answer."""
    users = [row.user_id for row in conn.execute(BALANCES)]
    generations = conn.execute(
        "select g.user_id, g.generation_id from credits.generations as g order by 1, 2"
    ).fetchall()
    return {
        "ledger": [tuple(row)[: len(released_ledger_columns())] for row in conn.execute(LEDGER)],
        "balances": conn.execute(BALANCES).fetchall(),
        "users": [first(call(conn, "get_user_credits", user), 7) for user in users],
        "generations": [first(call(conn, "get_generation", *tuple(one)), 9) for one in generations],
        "owed": rows(conn, "settle_owed_refunds"),
        "alerts": conn.execute(
            "select a.user_id, a.alert_id, a.type, a.level::text, a.occurrences, a.resolved_at"
            " from credits.system_alerts as a order by a.alert_id"
        ).fetchall(),
    }


def first(row: Any, columns: int) -> tuple[Any, ...]:
    """The columns that there were in 0.1.0; later ones are appended."""
    return tuple(row)[:columns]


def released_ledger_columns() -> list[str]:
    """The ledger's columns in 0.1.0."""
    script = released.INSTALLATION.read_text(encoding="utf-8")
    (table,) = re.findall(
        r"create table credits\.credit_transactions \((.*?)\n\)", script, re.DOTALL
    )
    return re.findall(r"^    ([a-z_]+) (?!constraint)[a-z]", table, re.MULTILINE)


def upgrade(database: Database) -> deploy.DeployReport:
    report = deploy.migrate(database.dsn)
    assert report.remaining == ()
    return report


def test_the_migrations_of_0_1_0_are_frozen() -> None:
    script = released.INSTALLATION.read_text(encoding="utf-8")

    for migration in read_package().migrations:
        if migration.name in released.MIGRATIONS:
            assert migration.sha256 in script, f"{migration.path} was edited after its release"
        else:
            assert migration.name > released.MIGRATIONS[-1]
    names = [migration.name for migration in read_package().migrations]
    assert tuple(names[: len(released.MIGRATIONS)]) == released.MIGRATIONS


def test_all_is_as_it_was_and_the_ledger_proves_itself_before_and_after(
    old_database: Database,
) -> None:
    with old_database.connect() as conn:
        assert rows(conn, "verify_ledger") == []
        before = kept(conn)
    found = {finding.kind for finding in deploy.check(old_database.dsn).findings}
    assert found <= {Kind.PENDING, Kind.MISSING, Kind.UNMANAGED}

    upgrade(old_database)

    with old_database.connect() as conn:
        assert kept(conn) == before
        assert rows(conn, "verify_ledger") == []
    assert deploy.check(old_database.dsn, smoke=True).findings == ()


def test_a_second_migrate_has_nothing_to_do(old_database: Database) -> None:
    upgrade(old_database)

    again = upgrade(old_database)
    assert (again.migrations, again.applied, again.dropped) == ((), (), ())


def test_arguments_and_columns_of_0_1_0_are_still_there(old_database: Database) -> None:
    with old_database.connect() as conn:
        functions, columns = shape(conn)

    upgrade(old_database)

    with old_database.connect() as conn:
        functions_now, columns_now = shape(conn)
    for name, arguments in functions.items():
        assert functions_now[name][: len(arguments)] == arguments, name
    for name, of_it in columns.items():
        assert columns_now[name][: len(of_it)] == of_it, name


def test_a_function_whose_arguments_changed_takes_the_old_one_s_place(
    old_database: Database,
) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        twins = conn.execute(
            "select p.proname from pg_proc as p"
            " where p.pronamespace in ('credits'::regnamespace, 'credits_internal'::regnamespace)"
            " group by p.pronamespace, p.proname having count(*) > 1"
        ).fetchall()
    assert twins == []


def test_calls_with_its_named_arguments_have_the_same_answers(old_database: Database) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        for step in released.steps(UUID(int=0xD0)):
            released.play(conn, step)


def test_a_call_of_0_1_0_is_a_replay_after_the_upgrade(old_database: Database) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        before = len(entries(conn, BUYER))
        for step in released.steps(BUYER):
            if "p_idempotency_key" in step.arguments or step.function == "start_generation":
                assert call(conn, step.function, **step.arguments).replayed
        assert len(entries(conn, BUYER)) == before


def test_what_was_in_flight_ends_as_it_would_have(old_database: Database) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        done = released.callback(conn, "task in flight", "500")
        assert (done.generation_id, done.status, done.credits_refunded) == (
            PROCESSING, "failed", 30,
        )  # fmt: skip
        # The callback waited in the inbox since before the upgrade.
        attached = call(
            conn,
            "attach_provider_task",
            p_user_id=IN_FLIGHT,
            p_generation_id=PENDING,
            p_provider_task_id="task to come",
        )
        assert (attached.status, attached.credits_refunded) == ("failed", 20)
        assert balance(conn, IN_FLIGHT) == 100


def test_a_task_whose_callback_waited_before_the_upgrade_has_its_row(
    old_database: Database,
) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        assert conn.execute(
            "select t.provider_task_id, t.user_id, t.generation_id"
            " from credits.provider_tasks as t where t.provider_task_id ~ 'task (in|to)'"
            " order by t.provider_task_id"
        ).fetchall() == [
            ("task in flight", IN_FLIGHT, PROCESSING),
            ("task to come", None, None),
        ]


def test_what_was_owed_is_paid_once(old_database: Database) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        for paid in (15, 0):
            done = rows(conn, "retry_failed_refunds", p_limit=100)
            assert sum(row.credits for row in done if row.user_id == OWED) == paid
        assert balance(conn, OWED) == 50
        assert call(conn, "get_generation", OWED, UNPAID).refunded


def test_a_revocation_still_takes_what_it_could_not_get(old_database: Database) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        assert balance(conn, REVOKED) == 0
        charge = call(
            conn, "deduct_user_credits", p_user_id=REVOKED, p_credits=60, p_idempotency_key="spent"
        )
        assert charge.replayed
        call(
            conn,
            "refund_user_credits",
            p_user_id=REVOKED,
            p_transaction_id=charge.transaction_id,
            p_credits=60,
            p_reason="it failed",
            p_idempotency_key="refund of it",
        )
        assert balance(conn, REVOKED) == 0


def test_whoever_was_frozen_stays_frozen(old_database: Database) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        with refused("PT403", "account_frozen", reason="stolen card"):
            call(conn, "deduct_user_credits", p_user_id=FROZEN, p_credits=1)
        call(conn, "unfreeze_user_credits", p_user_id=FROZEN)
        assert call(conn, "deduct_user_credits", p_user_id=FROZEN, p_credits=1).balance == 9


def test_a_month_that_was_granted_is_not_granted_again(old_database: Database) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        rows(conn, "apply_monthly_allowances", p_limit=1000)
        grants = [e for e in entries(conn, SUBSCRIBER) if e.transaction_type == "grant"]
        # A month may have begun since; within one there is one grant.
        assert {e.credits for e in grants} == {50}
        assert len(grants) == len({(e.created_at.year, e.created_at.month) for e in grants})


def test_whose_allowance_waits_gets_it_after_the_upgrade(old_database: Database) -> None:
    waiting, of_nothing = new_user(), new_user()
    with old_database.connect() as conn:
        conn.execute(
            "insert into credits.plans (plan, monthly_credits) values ('none', 0), ('large', 80)"
        )
        call(conn, "set_user_plan", p_user_id=waiting, p_plan="plus")
        call(conn, "set_user_plan", p_user_id=of_nothing, p_plan="none")
        # Granted 50 already, and moved to a larger plan since.
        call(conn, "set_user_plan", p_user_id=SUBSCRIBER, p_plan="large")

    upgrade(old_database)

    with old_database.connect() as conn:
        served = {row.user_id: row.credits for row in rows(conn, "apply_allowances", p_limit=1000)}
        assert served[waiting] == 50
        # A month may have begun since.
        assert served[SUBSCRIBER] in (30, 80)
        assert of_nothing not in served
        assert rows(conn, "apply_allowances", p_limit=1000) == []
        due = conn.execute(
            "select u.next_due_at > now() as later from credits.user_credits as u"
            " where u.user_id = any(%s)",
            ([waiting, of_nothing, SUBSCRIBER],),
        ).fetchall()
        assert [row.later for row in due] == [True] * 3


def test_an_adoption_goes_on(old_database: Database) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        with refused("PT410", "moved_to_pgcredits"):
            conn.execute("update public.user_credits set current_balance = 1000000")
        owed = {row.user_id: 0 for row in rows(conn, "settle_owed_refunds")}
        for row in rows(conn, "settle_owed_refunds", p_dry_run=False):
            owed[row.user_id] += row.credits_refunded
        assert owed[OWED_BY_ADOPTION] == 20
        # The old names, made by 0.1.0's `adopt compat`.
        user = new_user()
        legacy(conn, "add_purchased_credits(%s, 30)", user)
        legacy(conn, "consume_user_credits(%s, 20)", user)
        legacy(conn, "refund_user_credits(%s, 20, 'image')", user)
        legacy(conn, "refund_user_credits(%s, 20, 'image')", user)
        assert balance(conn, user) == 30
        conn.execute("select * from legacy.user_credits")
        conn.execute("select * from legacy.credit_transactions")


def test_what_0_1_0_noted_of_a_plan_is_still_known(old_database: Database, tmp_path: Path) -> None:
    """Run once more by the plan of 0.1.0, nothing moves, and it is noted as later releases do."""
    upgrade(old_database)
    noted = "select source_table, role, read_as from credits.imported_tables"

    with old_database.connect() as conn:
        conn.execute("set time zone 'UTC'")
        conn.execute("update credits.plans set monthly_credits = 50 where plan = 'pro'")
        plan = planned(conn, tmp_path)
        plan = replace(plan, tasks=tuple(replace(part, close="table") for part in plan.tasks))
        by_0_1_0 = {(row.source_table, row.role): row.read_as for row in conn.execute(noted)}
        assert by_0_1_0 == {
            (part.table, part.role): earlier_fingerprint(plan, part) for part in plan.parts
        }

        done = run(conn, plan, Nobody())

        assert (done.history_rows, done.balances, done.locked_seconds) == (0, 0, None)
        assert {(row.source_table, row.role): row.read_as for row in conn.execute(noted)} == {
            (part.table, part.role): fingerprint(plan, part) for part in plan.parts
        }


def test_who_was_adopted_as_md5_keeps_that_uuid_when_registered(old_database: Database) -> None:
    conn = old_database.connect()
    # What 0.1.0's adopt did with a balance of 7 on the row of user_2abC.
    adopted = conn.execute("select md5('user_2abC')::uuid as id").fetchall()[0].id
    conn.execute(
        "select credits_internal.import_balances(array[row(%s, 'public.wallets', '1', 'credits',"
        " null, null, 7, 7, 100, null, null, 'legacy:public.wallets:1')"
        "::credits.imported_balances])",
        (adopted,),
    )

    upgrade(old_database)

    assert value(conn, "register_user", "user_2abC") == adopted
    assert balance(conn, adopted) == 7
    statement = conn.execute(
        "select s.external_user_id, s.credits from credits_monitoring.user_statement as s"
        " where s.user_id = %s",
        (adopted,),
    ).fetchall()
    assert statement == [("user_2abC", 7)]
    # Somebody new is named as in any other installation.
    new = value(conn, "register_user", "user_9xyZ")
    assert new == value(conn, "user_id", "user_9xyZ") != adopted


def legacy(conn: psycopg.Connection[Any], what: str, user: UUID) -> None:
    conn.execute(f"select * from legacy.{what}".encode(), (user,))


def test_an_alert_raised_before_can_be_taken_on_and_resolved(old_database: Database) -> None:
    upgrade(old_database)

    with old_database.connect() as conn:
        (alert,) = conn.execute(
            "select user_id, alert_id from credits.system_alerts where type = 'disk_full'"
        ).fetchall()
        ours = {"p_user_id": alert.user_id, "p_alert_id": alert.alert_id, "p_by": "ann"}
        assert call(conn, "acknowledge_alert", **ours).acknowledged_by == "ann"
        assert call(conn, "resolve_alert", **ours, p_note="done").resolved_by == "ann"
        again = value(
            conn, "raise_alert", p_type="disk_full", p_message="again", p_dedup_key="images"
        )
        assert again != alert.alert_id


def test_refunded_credits_live_for_a_day_at_least_and_the_upgrade_says_so(
    old_database: Database,
) -> None:
    with old_database.connect() as conn:
        conn.execute("update credits.settings set refund_grace = '90 minutes'")
        (migration,) = [m for m in read_package().migrations if m.name.startswith("0013")]
        told: list[str] = []
        conn.add_notice_handler(lambda said: told.append(said.message_primary or ""))
        with conn.transaction(force_rollback=True):
            conn.execute(migration.sql.encode())

    upgrade(old_database)

    with old_database.connect() as conn:
        settings = conn.execute("select s.refund_grace from credits.settings as s").fetchone()
        assert settings == (timedelta(hours=24),)
    assert told == [
        "credits.settings.refund_grace, which was 01:30:00, is 24:00:00 now: the nearest that is"
        " allowed"
    ]


@pytest.mark.slow
def test_installations_of_0_1_0_that_share_roles_keep_them_and_are_warned() -> None:
    with ephemeral_server() as server:
        for name in ("production", "staging"):
            with psycopg.connect(server.dsn(), autocommit=True) as conn:
                conn.execute(f"create database {name}".encode())
            with psycopg.connect(server.dsn(name), autocommit=True) as conn:
                conn.execute(released.INSTALLATION.read_bytes())
        with psycopg.connect(server.dsn(), autocommit=True) as conn:
            conn.execute("create role web login; grant credits_app to web")

        report = deploy.migrate(server.dsn("staging"))

        assert deploy.check(server.dsn("staging"), smoke=True).findings == ()
        (warning,) = report.warnings
        assert warning.startswith("credits_app is used in database production, too: web may ")
        deploy.migrate(server.dsn("staging"), role_prefix="staging_")
        checked = deploy.check(server.dsn("staging"), smoke=True)
        assert (checked.findings, checked.warnings) == ((), ())
        deploy.migrate(server.dsn("production"))
        assert deploy.check(server.dsn("production"), smoke=True).findings == ()
