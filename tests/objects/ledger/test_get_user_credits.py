from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from support.api import call, new_user
from support.books import (
    NOON,
    deduct,
    entries,
    grant,
    no_trace,
    refund,
    refused_argument,
    user_row,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

HOUR = timedelta(hours=1)


def test_an_unknown_user_has_nothing(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    with no_trace(conn):
        shown = call(conn, "get_user_credits", user)

    assert shown == (user, 0, 0, None, None, None, False)


def test_everything_about_a_user_is_shown(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10, p_expires_at=NOON + 2 * HOUR)
    grant(conn, user, 20, p_expires_at=NOON + HOUR)
    grant(conn, user, 30)
    call(conn, "set_user_plan", user, "pro")
    call(conn, "set_low_balance_threshold", user, 15)
    call(conn, "freeze_user_credits", user, "chargeback")

    shown = call(conn, "get_user_credits", user)

    assert shown._asdict() == {
        "user_id": user,
        "balance": 60,
        "expiring_credits": 30,
        "next_expiry_at": NOON + HOUR,
        "plan": "pro",
        "low_balance_threshold": 15,
        # A frozen user keeps the balance.
        "frozen": True,
    }


def test_expired_credits_do_not_count_though_nothing_has_swept_them(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10, p_expires_at=NOON + 2 * HOUR)
    grant(conn, user, 20, p_expires_at=NOON + HOUR)
    grant(conn, user, 30)
    advance(conn, HOUR - timedelta(microseconds=1))
    assert call(conn, "get_user_credits", user)[1:4] == (60, 30, NOON + HOUR)

    # The very instant is too late.
    advance(conn, timedelta(microseconds=1))
    with no_trace(conn):
        shown = call(conn, "get_user_credits", user)

    assert shown[1:4] == (40, 10, NOON + 2 * HOUR)
    # The ledger's balance is what it was, until somebody writes the expiry.
    assert (user_row(conn, user).balance, len(entries(conn, user))) == (60, 3)


def test_sweeping_changes_nothing_of_what_is_shown(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 20, p_expires_at=NOON + HOUR)
    grant(conn, user, 10, p_expires_at=NOON + 2 * HOUR)
    call(conn, "freeze_user_credits", user, None)
    advance(conn, HOUR)
    before = call(conn, "get_user_credits", user)

    call(conn, "expire_user_credits")

    assert call(conn, "get_user_credits", user) == before
    assert user_row(conn, user).balance == before.balance == 10


def test_a_rollover_counts_once_it_is_written(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    conn.execute("update credits.plans set rollover_max_credits = 30 where plan = 'plus'")
    set_clock(conn, NOON)
    call(conn, "set_user_plan", user, "plus")
    call(conn, "apply_allowances")

    set_clock(conn, NOON.replace(month=6))
    assert call(conn, "get_user_credits", user).balance == 0
    call(conn, "expire_user_credits")

    shown = call(conn, "get_user_credits", user)
    assert (shown.balance, shown.expiring_credits) == (30, 30)
    assert shown.next_expiry_at == NOON.replace(month=7, day=1, hour=0)


def test_a_lot_that_is_spent_does_not_expire(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10, p_expires_at=NOON + HOUR)
    grant(conn, user, 10)

    charge = deduct(conn, user, 10)
    assert call(conn, "get_user_credits", user)[1:4] == (10, 0, None)

    refund(conn, user, charge)
    assert call(conn, "get_user_credits", user)[1:4] == (20, 10, NOON + HOUR)


def test_it_can_be_asked_in_a_read_only_transaction(database: Database) -> None:
    user = new_user()
    grant(database.connect(), user, 10)
    reader = database.connect()
    reader.read_only = True

    with reader.transaction():
        assert call(reader, "get_user_credits", user).balance == 10


def test_it_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "get_user_credits", None)
