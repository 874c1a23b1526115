from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import call, new_user
from support.books import (
    MOST_BALANCE,
    NOON,
    books,
    each_refused,
    grant,
    refused_argument,
    settle_for,
    user_row,
)
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg


def test_a_threshold_is_kept_and_moves_no_credits(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    before = books(conn, user)
    set_clock(conn, NOON)

    shown = call(conn, "set_low_balance_threshold", user, 25)

    assert shown == (user, 10, 0, None, None, 25, False)
    assert call(conn, "get_user_credits", user) == shown
    assert books(conn, user) == before
    assert user_row(conn, user).updated_at == NOON


def test_a_threshold_can_be_anything_a_balance_can(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    for threshold in (0, 1, MOST_BALANCE):
        shown = call(conn, "set_low_balance_threshold", user, threshold)
        assert shown.low_balance_threshold == threshold


def test_null_means_never_warn(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    settle_for(conn, default_low_balance_threshold=20)
    grant(conn, user, 10)
    assert call(conn, "get_user_credits", user).low_balance_threshold == 20

    shown = call(conn, "set_low_balance_threshold", user, None)

    assert shown.low_balance_threshold is None
    grant(conn, user, 10)
    assert call(conn, "get_user_credits", user).low_balance_threshold is None


def test_a_user_nobody_has_heard_of_can_have_a_threshold(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    assert call(conn, "set_low_balance_threshold", user, 25)[1:] == (0, 0, None, None, 25, False)

    assert grant(conn, user, 10).balance == 10
    assert call(conn, "get_user_credits", user).low_balance_threshold == 25


def test_a_threshold_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "set_low_balance_threshold", None, 25)


def test_a_threshold_that_no_balance_can_reach_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    each_refused(
        conn,
        "p_credits",
        [-1, -(2**63), MOST_BALANCE + 1, 2**63 - 1],
        lambda threshold: call(conn, "set_low_balance_threshold", user, threshold),
    )

    assert user_row(conn, user) is None
