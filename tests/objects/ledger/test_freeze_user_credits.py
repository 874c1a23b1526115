from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import call, new_user
from support.books import (
    NOON,
    books,
    deduct,
    grant,
    no_trace,
    refused_argument,
    refused_without_trace,
    settle_for,
    user_row,
)
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg


def test_a_freeze_stops_spending_and_moves_no_credits(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    before = books(conn, user)
    set_clock(conn, NOON)

    shown = call(conn, "freeze_user_credits", user, "chargeback")

    assert shown == (user, 10, 0, None, None, None, True)
    assert call(conn, "get_user_credits", user) == shown
    assert books(conn, user) == before
    row = user_row(conn, user)
    assert (row.frozen_at, row.frozen_reason) == (NOON, "chargeback")
    with refused_without_trace(conn, "PT403", "account_frozen", reason="chargeback"):
        deduct(conn, user, 1)


def test_only_the_one_user_is_frozen(conn: psycopg.Connection[Any]) -> None:
    user, other = new_user(), new_user()
    grant(conn, other, 10)

    call(conn, "freeze_user_credits", user, "chargeback")

    assert deduct(conn, other, 1).balance == 9


def test_the_first_reason_stands(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    first = call(conn, "freeze_user_credits", user, "chargeback")
    set_clock(conn, NOON.replace(hour=15))

    with no_trace(conn):
        assert call(conn, "freeze_user_credits", user, "second thoughts") == first

    row = user_row(conn, user)
    assert (row.frozen_at, row.frozen_reason) == (NOON, "chargeback")


def test_a_user_nobody_has_heard_of_can_be_frozen(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    settle_for(conn, default_low_balance_threshold=20)

    assert call(conn, "freeze_user_credits", user, "abuse") == (user, 0, 0, None, None, 20, True)

    grant(conn, user, 10)
    with refused_without_trace(conn, "PT403", "account_frozen", reason="abuse"):
        deduct(conn, user, 1)


def test_a_reason_may_be_missing_but_not_too_long(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    with refused_argument(conn, "p_reason"):
        call(conn, "freeze_user_credits", user, "r" * 1_001)
    assert user_row(conn, user) is None

    assert call(conn, "freeze_user_credits", user, None).frozen
    assert user_row(conn, user).frozen_reason is None


def test_a_freeze_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "freeze_user_credits", None, "chargeback")
