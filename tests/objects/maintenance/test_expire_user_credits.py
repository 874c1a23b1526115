from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, rows
from support.books import (
    NOON,
    Books,
    books,
    deduct,
    entries,
    grant,
    last_entry,
    legs,
    lot_of,
    lots,
    no_trace,
    revoke,
    user_row,
)
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def _clock_stands_at_noon(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)


def test_what_expired_leaves_the_balance_and_the_ledger_says_so(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 10, p_expires_at=NOON + DAY)
    grant(conn, user, 5)
    deduct(conn, user, 3)
    set_clock(conn, NOON + DAY)

    assert rows(conn, "expire_user_credits") == [(user, None, -7, None)]

    assert books(conn, user) == Books(
        balance=5,
        ledger=[("grant", 10, 10), ("grant", 5, 15), ("deduction", -3, 12), ("expiry", -7, 5)],
        lots=[("goodwill", 10, 0), ("goodwill", 5, 5)],
    )
    expiry = last_entry(conn, user)
    assert expiry.created_at == NOON + DAY
    assert legs(expiry) == [(lots(conn, user)[0].lot_id, -7)]
    assert (expiry.reason, expiry.idempotency_key, expiry.requested_credits) == (None, None, None)
    assert expiry.metadata == {}
    assert user_row(conn, user).next_due_at is None


def test_what_expires_in_a_microsecond_is_left(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10, p_expires_at=NOON + DAY)

    set_clock(conn, NOON + DAY - INSTANT)
    with no_trace(conn):
        assert rows(conn, "expire_user_credits") == []

    set_clock(conn, NOON + DAY)
    assert rows(conn, "expire_user_credits") == [(user, None, -10, None)]


def test_all_that_is_due_is_one_ledger_row_in_the_order_of_expiry(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    later = grant(conn, user, 10, p_expires_at=NOON + 2 * DAY)
    # The burn order does not matter here.
    sooner = grant(conn, user, 5, p_expires_at=NOON + DAY, p_priority=200)
    grant(conn, user, 1, p_expires_at=NOON + 3 * DAY)
    set_clock(conn, NOON + 2 * DAY)

    assert rows(conn, "expire_user_credits") == [(user, None, -15, None)]

    assert legs(last_entry(conn, user)) == [
        (lot_of(conn, user, sooner.transaction_id).lot_id, -5),
        (lot_of(conn, user, later.transaction_id).lot_id, -10),
    ]
    assert user_row(conn, user).next_due_at == NOON + 3 * DAY
    assert books(conn, user).balance == 1


def test_those_who_wait_longest_come_first(conn: psycopg.Connection[Any]) -> None:
    users = {days: new_user() for days in (3, 1, 2)}
    for days, user in users.items():
        grant(conn, user, 10, p_expires_at=NOON + days * DAY)
    set_clock(conn, NOON + 5 * DAY)

    served = [rows(conn, "expire_user_credits", 1)[0].user_id for _ in users]

    assert served == [users[1], users[2], users[3]]


def test_a_lot_that_was_spent_does_not_expire(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10, p_expires_at=NOON + DAY)
    deduct(conn, user, 10)
    set_clock(conn, NOON + DAY)

    with no_trace(conn):
        assert rows(conn, "expire_user_credits") == []


def test_what_a_deduction_wrote_is_not_written_again(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10, p_expires_at=NOON + DAY)
    grant(conn, user, 5)
    set_clock(conn, NOON + DAY)
    deduct(conn, user, 1)

    with no_trace(conn):
        assert rows(conn, "expire_user_credits") == []
    assert [e.transaction_type for e in entries(conn, user)][-2:] == ["expiry", "deduction"]


def test_credits_of_a_frozen_user_expire_too(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10, p_expires_at=NOON + DAY)
    call(conn, "freeze_user_credits", user, "under review")
    set_clock(conn, NOON + DAY)

    assert rows(conn, "expire_user_credits") == [(user, None, -10, None)]
    assert call(conn, "get_user_credits", user).frozen is True


def test_the_spendable_balance_is_the_same_before_and_after(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 10, p_expires_at=NOON + DAY)
    grant(conn, user, 5)
    set_clock(conn, NOON + DAY)
    before = call(conn, "get_user_credits", user)

    rows(conn, "expire_user_credits")

    assert call(conn, "get_user_credits", user) == before
    assert before.balance == 5
    # The ledger shows the expiry when it was written, not before.
    assert call(conn, "get_user_credits_at", user, NOON + DAY - INSTANT) == (15,)
    assert call(conn, "get_user_credits_at", user, NOON + DAY) == (5,)


def test_what_was_revoked_does_not_expire(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    granted = grant(conn, user, 10, p_expires_at=NOON + DAY)
    revoke(conn, user, granted.transaction_id, 4)
    set_clock(conn, NOON + DAY)

    assert rows(conn, "expire_user_credits") == [(user, None, -6, None)]


def test_an_expiry_is_later_than_the_row_before_also_when_the_clock_went_back(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 10, p_expires_at=NOON + DAY)
    set_clock(conn, NOON + 2 * DAY)
    grant(conn, user, 1)  # writes that expiry
    assert last_entry(conn, user).created_at == NOON + 2 * DAY + INSTANT
    grant(conn, user, 7, p_expires_at=NOON + 2 * DAY + INSTANT)
    set_clock(conn, NOON + 2 * DAY + INSTANT)

    assert rows(conn, "expire_user_credits") == [(user, None, -7, None)]

    times = [e.created_at for e in entries(conn, user)]
    assert times == sorted(set(times))
    assert times[-1] == NOON + 2 * DAY + 3 * INSTANT
