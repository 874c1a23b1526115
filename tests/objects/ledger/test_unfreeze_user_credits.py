from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import call, new_user
from support.books import books, deduct, grant, no_trace, refused_argument, user_row

if TYPE_CHECKING:
    import psycopg


def test_an_unfrozen_user_may_spend_again(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    before = books(conn, user)
    call(conn, "freeze_user_credits", user, "chargeback")

    shown = call(conn, "unfreeze_user_credits", user)

    assert shown == (user, 10, 0, None, None, None, False)
    assert books(conn, user) == before
    row = user_row(conn, user)
    assert (row.frozen_at, row.frozen_reason) == (None, None)
    assert deduct(conn, user, 10).balance == 0


def test_a_user_who_is_not_frozen_stays_as_they_are(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)

    with no_trace(conn):
        assert not call(conn, "unfreeze_user_credits", user).frozen


def test_a_user_nobody_has_heard_of_is_not_made(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    with no_trace(conn):
        shown = call(conn, "unfreeze_user_credits", user)

    assert shown == (user, 0, 0, None, None, None, False)


def test_a_second_freeze_has_its_own_reason(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    call(conn, "freeze_user_credits", user, "chargeback")
    call(conn, "unfreeze_user_credits", user)

    call(conn, "freeze_user_credits", user, "abuse")

    assert user_row(conn, user).frozen_reason == "abuse"


def test_it_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "unfreeze_user_credits", None)
