"""Systems whose users' ids are texts or numbers: whatever is printed or written names them so."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import replace
from rich.console import Console

from command_line.adopt import systems
from command_line.adopt.older import closed
from objects.users.ids import hashed
from pgcredits.adopt.compat.installing import install
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.inspect.showing import to_json
from pgcredits.adopt.move.proving import prove
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.settle.paying import pay_owed, show_owed
from pgcredits.adopt.settle.showing import as_csv, show_users
from support.api import call, new_user, refused, rows, value
from support.books import balance, settle_for
from support.state import rows_as_text

if TYPE_CHECKING:
    from uuid import UUID

    from command_line.adopt.systems import Nobody
    from pgcredits.adopt.plan.model import Plan

Conn = psycopg.Connection[Any]

ADA, BEN = "user_2abCDEFGHijklmnopQRSTUV", "user_2zyXWVUTsrqponmlkJIHGF"
NEW = "user_3newNEWnewNEWnewNEWnew"


def loaded(conn: Conn) -> Plan:
    conn.execute((systems.SHAPES / "text_ids.sql").read_bytes())
    return inspect(conn, ["public"]).discovery.plan


@pytest.fixture
def moved(conn: Conn, nobody: Nobody) -> Conn:
    """Moved over, with its old names in schema legacy."""
    plan = loaded(conn)
    run(conn, plan, nobody)
    install(conn, plan, "legacy")
    return conn


def shown(conn: Conn, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in conn.execute(query.encode(), arguments)]


def registered(conn: Conn) -> dict[UUID, str]:
    return {
        row.user_id: row.external_id for row in conn.execute("select * from credits.external_users")
    }


# --- inspect and plan, where pgcredits need not be installed --------------------------------------


def test_it_is_inspected_without_pgcredits_and_named_by_its_own_ids(blank_database: Any) -> None:
    conn = blank_database.connect()
    conn.execute((systems.SHAPES / "text_ids.sql").read_bytes())

    found = inspect(conn, ["public"])

    assert found.discovery.plan.user_ids == "external"
    assert [(one.user_id, one.owed) for one in found.owed] == [(ADA, 1)]
    assert json.loads(to_json(found))["owed"][0]["user_id"] == ADA
    assert 'user_ids = "external"' in draft(found.discovery)


# --- run ------------------------------------------------------------------------------------------


def test_every_credit_comes_over_to_the_uuid_of_user_id(conn: Conn, nobody: Nobody) -> None:
    plan = loaded(conn)

    run(conn, plan, nobody)

    proof = prove(conn, plan)
    assert (proof.found, proof.in_ledger, proof.differences) == (9, 9, ())
    assert balance(conn, hashed(ADA)) == 9
    assert rows(conn, "verify_ledger") == []
    # Also who had nothing: a call for them needs no other registration.
    assert registered(conn) == {hashed(ADA): ADA, hashed(BEN): BEN}
    settle_for(conn, require_registered_users=True)
    assert call(conn, "grant_user_credits", value(conn, "user_id", BEN), 5).balance == 5


def test_a_run_may_be_repeated_and_registers_who_came_later(conn: Conn, nobody: Nobody) -> None:
    plan = loaded(conn)
    run(conn, plan, nobody)
    conn.execute("insert into public.member (id, email) values (%s, 'new@example.org')", [NEW])

    run(conn, plan, nobody)

    assert registered(conn) == {hashed(one): one for one in (ADA, BEN, NEW)}
    assert balance(conn, hashed(ADA)) == 9
    assert prove(conn, plan).differences == ()


def test_a_redacted_user_is_not_registered_by_another_run(conn: Conn, nobody: Nobody) -> None:
    plan = loaded(conn)
    run(conn, plan, nobody)
    call(conn, "redact_user", hashed(ADA))

    run(conn, plan, nobody)

    assert registered(conn) == {hashed(BEN): BEN}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "is empty"),
        (" user_1", "has white space at an end"),
        ("0190a3f0-0000-8000-8000-00000000000a", "is a uuid of version 8"),
    ],
)
def test_an_id_that_nobody_may_have_stops_the_run_before_anything(
    conn: Conn, nobody: Nobody, bad: str, why: str
) -> None:
    plan = loaded(conn)
    conn.execute("insert into public.member (id) values (%s)", [bad])
    before = rows_as_text(conn)

    with pytest.raises(PlanError, match=f"1 ids of users cannot come over.*{why}"):
        run(conn, plan, nobody)

    assert rows_as_text(conn) == before


def test_uuids_among_the_texts_stay_what_they_are(conn: Conn, nobody: Nobody) -> None:
    user = new_user()
    plan = loaded(conn)
    conn.execute("insert into public.member values (%s, 'uuid@example.org', 4)", [str(user)])
    conn.execute("insert into public.credit_entry values ('e3', %s, 'purchase', 4)", [str(user)])

    run(conn, plan, nobody)

    assert balance(conn, user) == 4
    assert registered(conn)[user] == str(user)


def test_a_difference_names_the_old_id(conn: Conn, nobody: Nobody) -> None:
    plan = loaded(conn)
    run(conn, plan, nobody)
    conn.execute("update credits.imported_balances set found = 8, granted = 8")

    differences = prove(conn, plan).differences

    assert {(one.user_id, one.before, one.after) for one in differences} >= {
        (ADA, 8, 9),
        (ADA, 9, 8),
    }


def test_the_sum_of_a_history_is_imported_under_the_old_id(conn: Conn, nobody: Nobody) -> None:
    conn.execute(
        "create table public.entries"
        " (id int primary key, user_id text, credit int, debit int, created_at timestamptz);"
        "insert into public.entries values (1, 'ada', 10, null, now()), (2, 'ada', null, 3, now()),"
        " (3, 'ben', 5, null, now())"
    )
    plan = inspect(conn, ["public"]).discovery.plan
    assert [part.summed for part in plan.balances] == [True]

    run(conn, plan, nobody)

    assert shown(
        conn, "select user_id, source_id, found from credits.imported_balances order by 2"
    ) == [(hashed("ada"), "ada", 7), (hashed("ben"), "ben", 5)]
    assert prove(conn, plan).differences == ()


def test_settings_that_demand_registration_do_not_stop_an_adoption(
    conn: Conn, nobody: Nobody
) -> None:
    """Of a system of uuids, nobody of which is registered: one is owed, and has no row here."""
    conn.execute(
        "create table public.wallets (user_id uuid primary key, credits int);"
        "create table public.generations (id uuid primary key, user_id uuid, status text,"
        " credits int, created_at timestamptz);"
        "insert into public.wallets select gen_random_uuid(), 0;"
        "insert into public.generations select gen_random_uuid(), w.user_id, 'failed', 3,"
        " now() - interval '3 days' from public.wallets as w"
    )
    settle_for(conn, require_registered_users=True)

    run(conn, inspect(conn, ["public"]).discovery.plan, nobody)

    assert [user.owed for user in show_owed(conn)] == [3]


# --- settle ---------------------------------------------------------------------------------------


def test_who_is_mailed_is_named_as_the_application_does(moved: Conn, nobody: Nobody) -> None:
    kept: list[Any] = []

    users = pay_owed(moved, nobody, kept.extend)

    assert kept == users
    (row,) = csv.DictReader(io.StringIO(as_csv(users)))
    assert (row["user_id"], row["external_user_id"]) == (str(hashed(ADA)), ADA)
    assert (row["credits_owed"], row["credits_paid"], row["error"]) == ("1", "1", "")
    file = io.StringIO()
    show_users(Console(file=file, width=100), users, paid=True)
    assert ADA in file.getvalue()


# --- compat ---------------------------------------------------------------------------------------


def test_the_old_row_keeps_its_other_columns(moved: Conn) -> None:
    assert shown(moved, "select id, email, credits from legacy.member order by id") == [
        (ADA, "ada@example.org", 9),
        (BEN, "ben@example.org", 0),
    ]


def test_old_names_of_an_earlier_version_are_made_anew(moved: Conn) -> None:
    moved.execute(
        "drop view legacy.member;"
        "create view legacy.member as select id, credits from public.member;"
        "comment on view legacy.member is 'Made by pgcredits adopt compat: balances of today'"
    )

    install(moved, inspect(moved, ["public"]).discovery.plan, "legacy")

    assert shown(moved, "select email, credits from legacy.member where id = %s", ADA) == [
        ("ada@example.org", 9)
    ]


def test_what_happened_since_is_shown_to_its_user(moved: Conn) -> None:
    call(moved, "deduct_user_credits", hashed(ADA), 2)

    assert shown(
        moved,
        'select "memberId", amount from legacy.credit_entry where "memberId" = %s'
        ' order by "createdAt", amount',
        ADA,
    )[-1] == (ADA, -2)
    assert not shown(moved, "select id from legacy.credit_entry where id is null")
    assert shown(moved, "select credits from legacy.member where id = %s", ADA) == [(7,)]


def test_an_application_reads_and_calls_by_the_old_names(moved: Conn, database: Any) -> None:
    application = database.connect(role="credits_app")

    assert shown(application, "select legacy.spend_credits(%s, 4, 'image')", ADA) == [(True,)]
    assert shown(application, "select credits from legacy.member where id = %s", ADA) == [(5,)]
    assert len(shown(application, "select id from legacy.credit_entry")) == 3
    assert balance(moved, hashed(ADA)) == 5
    # Its tasks name their users so, too.
    moved.execute("insert into public.generation values ('g2', %s, 'failed', 4)", [ADA])
    assert balance(moved, hashed(ADA)) == 9


def test_tasks_that_are_closed_are_shown_by_the_old_ids(conn: Conn, nobody: Nobody) -> None:
    plan = closed(loaded(conn))
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    assert shown(conn, 'select "memberId", status from legacy.generation') == [(ADA, "failed")]


def test_users_who_came_later_are_shown_once_they_are_registered(moved: Conn) -> None:
    call(moved, "grant_user_credits", value(moved, "register_user", NEW), 5)
    call(moved, "grant_user_credits", new_user(), 6)

    assert shown(moved, "select id, credits from legacy.member order by id") == [
        (ADA, 9),
        (BEN, 0),
        (NEW, 5),
    ]


def test_old_functions_take_the_old_ids_and_register_newcomers(moved: Conn) -> None:
    settle_for(moved, require_registered_users=True)

    assert shown(moved, "select legacy.spend_credits(%s, 4, 'image')", ADA) == [(True,)]
    assert shown(moved, "select legacy.spend_credits(%s, 6, 'image')", ADA) == [(False,)]
    assert shown(moved, "select legacy.add_purchased_credits(%s, 20, 'pi_1')", NEW) == [(20,)]

    assert balance(moved, hashed(ADA)) == 5
    assert (balance(moved, hashed(NEW)), registered(moved)[hashed(NEW)]) == (20, NEW)
    with refused("PT422", "invalid_argument", argument="p_external_id"):
        moved.execute("select legacy.spend_credits(' x', 1, 'image')")


def test_ids_that_are_numbers_stay_numbers(conn: Conn, nobody: Nobody) -> None:
    conn.execute(
        "create table public.accounts (user_id integer primary key, credits integer);"
        "create table public.credit_log"
        " (id integer primary key, user_id integer, type text, amount integer,"
        " created_at timestamptz default now());"
        "insert into public.accounts values (1, 5), (2000000000, 7);"
        "insert into public.credit_log values (1, 1, 'purchase', 5), (2, 2000000000, 'purchase', 7)"
    )
    plan = inspect(conn, ["public"]).discovery.plan
    assert plan.user_ids == "external"
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    # Whom the application knows by a name, or by a number that is too large, is none of them.
    for external_id in ("4", "ada", "3000000000", "9" * 30):
        call(conn, "grant_user_credits", value(conn, "register_user", external_id), 1)

    assert shown(conn, "select user_id, credits from legacy.accounts order by 1") == [
        (1, 5),
        (4, 1),
        (2000000000, 7),
    ]
    assert shown(
        conn,
        "select user_id, count(*) from legacy.credit_log where amount = 1 group by 1 order by 1",
    ) == [(4, 1), (None, 3)]


# --- installations that version 0.1.0 adopted -----------------------------------------------------


def md5_of(conn: Conn, external_id: str) -> UUID:
    (row,) = conn.execute("select md5(%s)::uuid as id", [external_id]).fetchall()
    found: UUID = row.id
    return found


@pytest.fixture
def adopted(conn: Conn, nobody: Nobody) -> Plan:
    """A system whose ids were hashed as 0.1.0 did, none of which it kept."""
    plan = replace(loaded(conn), user_ids="md5")
    run(conn, plan, nobody)
    conn.execute("delete from credits.external_users")
    return plan


def test_md5_stays_md5_and_another_run_registers_the_ids(
    conn: Conn, nobody: Nobody, adopted: Plan
) -> None:
    assert balance(conn, md5_of(conn, ADA)) == 9

    run(conn, adopted, nobody)

    assert registered(conn) == {md5_of(conn, one): one for one in (ADA, BEN)}
    assert balance(conn, md5_of(conn, ADA)) == 9
    assert prove(conn, adopted).differences == ()
    assert [user.external_user_id for user in show_owed(conn)] == [ADA]


def test_under_md5_the_old_names_show_those_who_are_not_registered_yet(
    conn: Conn, adopted: Plan
) -> None:
    install(conn, adopted, "legacy")

    assert shown(conn, "select id, credits from legacy.member order by id") == [(ADA, 9), (BEN, 0)]
    assert shown(conn, "select legacy.add_purchased_credits(%s, 3, 'pi_1')", ADA) == [(12,)]
    assert shown(conn, "select legacy.add_purchased_credits(%s, 20, 'pi_2')", NEW) == [(20,)]

    assert balance(conn, md5_of(conn, NEW)) == 20
    assert value(conn, "register_user", NEW) == md5_of(conn, NEW)
    assert shown(conn, "select id, credits from legacy.member order by id")[-1] == (NEW, 20)


def test_a_plan_of_md5_is_no_other_plan_than_0_1_0_made_of_it(
    conn: Conn, nobody: Nobody, adopted: Plan
) -> None:
    with pytest.raises(PlanError, match="was cut over by another plan"):
        run(conn, replace(adopted, user_ids="external"), nobody)
