from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from objects.users.ids import CLERK, IDS, REFUSED, UUIDS, hashed
from support.api import call, new_user, refused, value
from support.books import (
    NOON,
    balance,
    deduct,
    each_refused,
    grant,
    no_trace,
    refused_argument,
    refused_without_trace,
    settle_for,
    user_row,
)
from support.clock import set_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from support.databases import Database

#: The calls that make a user's row where there is none.
MAKES_A_ROW: dict[str, Callable[[psycopg.Connection[Any], UUID], Any]] = {
    "grant_user_credits": lambda conn, user: grant(conn, user, 5),
    "set_user_plan": lambda conn, user: call(conn, "set_user_plan", user, "free"),
    "set_low_balance_threshold": lambda conn, user: call(
        conn, "set_low_balance_threshold", user, 5
    ),
    "freeze_user_credits": lambda conn, user: call(conn, "freeze_user_credits", user, "fraud"),
}


def registered(conn: psycopg.Connection[Any]) -> list[Any]:
    return conn.execute(
        "select x.user_id, x.external_id, x.created_at from credits.external_users as x"
        " order by x.created_at, x.external_id"
    ).fetchall()


@pytest.mark.parametrize("external_id", IDS)
def test_an_id_is_remembered_under_the_uuid_of_user_id(
    conn: psycopg.Connection[Any], external_id: str
) -> None:
    set_clock(conn, NOON)

    assert value(conn, "register_user", external_id) == hashed(external_id)

    assert registered(conn) == [(hashed(external_id), external_id, NOON)]


@pytest.mark.parametrize("external_id", UUIDS)
def test_a_uuid_is_remembered_as_it_was_written(
    conn: psycopg.Connection[Any], external_id: str
) -> None:
    assert value(conn, "register_user", external_id) == UUID(external_id)

    assert [row[:2] for row in registered(conn)] == [(UUID(external_id), external_id)]


def test_a_repeat_changes_nothing(conn: psycopg.Connection[Any]) -> None:
    first = value(conn, "register_user", CLERK)

    with no_trace(conn):
        assert value(conn, "register_user", CLERK) == first


def test_the_first_spelling_of_a_uuid_stands(conn: psycopg.Connection[Any]) -> None:
    value(conn, "register_user", UUIDS[1])

    with no_trace(conn):
        assert value(conn, "register_user", UUIDS[1].lower()) == UUID(UUIDS[1])


def test_a_user_need_not_exist_and_gets_no_row(conn: psycopg.Connection[Any]) -> None:
    user = value(conn, "register_user", CLERK)

    assert user_row(conn, user) is None
    assert grant(conn, user, 5).balance == 5


def test_what_user_id_refuses_is_not_registered(conn: psycopg.Connection[Any]) -> None:
    each_refused(
        conn,
        "p_external_id",
        [None, str(UUID(int=0)), *REFUSED],
        lambda external_id: value(conn, "register_user", external_id),
    )


def test_redaction_forgets_the_id(conn: psycopg.Connection[Any]) -> None:
    user, other = (value(conn, "register_user", one) for one in (CLERK, "another"))
    grant(conn, user, 5)

    call(conn, "redact_user", user)

    assert [row[:2] for row in registered(conn)] == [(other, "another")]
    # Of one who never had a balance, too.
    call(conn, "redact_user", other)
    assert registered(conn) == []


# --- users that version 0.1.0 adopted -------------------------------------------------------------


def adopted(conn: psycopg.Connection[Any]) -> None:
    """An older system was moved over here."""
    conn.execute(
        "insert into credits.imported_tables (source_table, role, read_as, changes_from, began_at)"
        " values ('public.wallets', 'balances', '', '1', now())"
    )


def md5_of(conn: psycopg.Connection[Any], external_id: str) -> UUID:
    (row,) = conn.execute("select md5(%s)::uuid as id", (external_id,)).fetchall()
    found: UUID = row.id
    return found


@pytest.mark.parametrize(
    "trace",
    [
        "insert into credits.imported_balances values"
        " (%s, 'public.wallets', '1', 'credits', now(), null, -5, 0, 100, null, null, 'legacy:1')",
        "insert into credits.imported_history"
        " (user_id, source_table, source_id, imported_at, kind, original)"
        " values (%s, 'public.log', '1', now(), 'grant', '{}')",
        "select credits.grant_user_credits(%s, 5)",
        "select credits.set_user_plan(%s, 'free')",
    ],
    ids=["a balance", "history", "credits", "a plan"],
)
# Also ids that user_id would refuse, or that stand for themselves.
@pytest.mark.parametrize("external_id", [CLERK, " 7 ", UUIDS[0]])
def test_who_was_adopted_as_md5_keeps_that_uuid(
    conn: psycopg.Connection[Any], trace: str, external_id: str
) -> None:
    adopted(conn)
    user = md5_of(conn, external_id)
    conn.execute(trace.encode(), (user,))

    assert value(conn, "register_user", external_id) == user
    assert value(conn, "register_user", external_id) == user

    assert [row[:2] for row in registered(conn)] == [(user, external_id)]


def test_others_of_such_a_system_get_the_uuid_of_user_id(conn: psycopg.Connection[Any]) -> None:
    adopted(conn)

    assert value(conn, "register_user", CLERK) == hashed(CLERK)


def test_without_an_adoption_nobody_is_looked_for(conn: psycopg.Connection[Any]) -> None:
    grant(conn, md5_of(conn, CLERK), 5)

    assert value(conn, "register_user", CLERK) == hashed(CLERK)


# --- settings.require_registered_users ------------------------------------------------------------


@pytest.mark.parametrize("name", MAKES_A_ROW)
def test_a_user_who_is_not_registered_is_refused_where_settings_say_so(
    conn: psycopg.Connection[Any], name: str
) -> None:
    settle_for(conn, require_registered_users=True)
    user = new_user()

    with refused_without_trace(conn, "PT404", "user_not_found", user_id=str(user)):
        MAKES_A_ROW[name](conn, user)

    MAKES_A_ROW[name](conn, value(conn, "register_user", CLERK))
    assert user_row(conn, hashed(CLERK)) is not None


@pytest.mark.parametrize("name", MAKES_A_ROW)
def test_a_user_who_has_a_row_already_is_not_asked_for(
    conn: psycopg.Connection[Any], database: Database, name: str
) -> None:
    user = new_user()
    grant(conn, user, 10)
    settle_for(conn, require_registered_users=True)
    holder = database.connect()
    conn.execute("set lock_timeout = '2s'")

    # Nobody can read the table: a call that looked there would end here.
    with holder.transaction(force_rollback=True):
        holder.execute("lock table credits.external_users in access exclusive mode")
        MAKES_A_ROW[name](conn, user)
        if name != "freeze_user_credits":
            deduct(conn, user, 1)


def test_a_call_that_forgot_user_id_fails_loudly(conn: psycopg.Connection[Any]) -> None:
    """32 hexadecimal digits are a valid uuid, and somebody else's."""
    settle_for(conn, require_registered_users=True)
    digits = "0190a3f000007000800000000000000a"
    user = value(conn, "register_user", digits)
    grant(conn, user, 5)

    with refused("PT404", "user_not_found"):
        conn.execute("select from credits.grant_user_credits(%s::text::uuid, 5)", (digits,))
    with refused("PT402", "insufficient_credits"):
        conn.execute("select from credits.deduct_user_credits(%s::text::uuid, 5)", (digits,))
    assert balance(conn, user) == 5


def test_by_default_nobody_has_to_be_registered(conn: psycopg.Connection[Any]) -> None:
    assert grant(conn, new_user(), 5).balance == 5


def test_registering_at_once_makes_one_row(database: Database) -> None:
    one, two = database.connect(), database.connect()
    with one.transaction():
        assert value(one, "register_user", CLERK) == hashed(CLERK)
        two.execute("set lock_timeout = '100ms'")
        # The second waits for the first, and does not make up another.
        with refused("55P03"):
            value(two, "register_user", CLERK)

    assert value(two, "register_user", CLERK) == hashed(CLERK)
    assert len(registered(one)) == 1


def test_an_argument_is_named(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_external_id", value=None):
        value(conn, "register_user", None)
