from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from support.api import call, new_user, value
from support.books import NOON, deduct, entries, grant, no_trace, refund, refused_argument
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


def _at(conn: psycopg.Connection[Any], user: UUID, at: Any) -> int:
    credits_then: int = value(conn, "get_user_credits_at", user, at)
    return credits_then


def test_the_balance_of_a_row_holds_from_its_very_time_to_the_next(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 100)
    spent_at = advance(conn, HOUR)
    charge = deduct(conn, user, 30)
    refunded_at = advance(conn, HOUR)
    refund(conn, user, charge)

    assert [
        _at(conn, user, at)
        for at in (
            NOON - MICROSECOND,
            NOON,
            spent_at - MICROSECOND,
            spent_at,
            spent_at + MICROSECOND,
            refunded_at - MICROSECOND,
            refunded_at,
            refunded_at + 1_000 * HOUR,
        )
    ] == [0, 100, 100, 70, 70, 70, 100, 100]


def test_rows_a_microsecond_apart_are_told_apart(conn: psycopg.Connection[Any]) -> None:
    """Their ids differ in the last bits of time only; a millisecond ends among them."""
    user = new_user()
    set_clock(conn, NOON - 25 * MICROSECOND)
    grant(conn, user, 100)
    for _ in range(50):
        deduct(conn, user, 1)

    written = entries(conn, user)

    assert written[0].created_at < NOON < written[-1].created_at
    for row in written:
        assert _at(conn, user, row.created_at) == row.balance_after


def test_a_time_within_a_microsecond_of_none_is_before_the_first_row(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)

    assert _at(conn, user, NOON) == 0


def test_any_time_may_be_asked_for(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 100)

    past = ["-infinity", "4713-01-01 00:00+00 BC", "1969-12-31 23:59+00", "1970-01-01 00:00+00"]
    future = ["2099-12-31 00:00+00", "2500-01-01 00:00+00", "294276-01-01 00:00+00", "infinity"]

    assert [_at(conn, user, at) for at in past] == [0, 0, 0, 0]
    assert [_at(conn, user, at) for at in future] == [100, 100, 100, 100]


def test_expired_credits_count_until_their_expiry_was_written(
    conn: psycopg.Connection[Any],
) -> None:
    """It is the ledger's balance: get_user_credits says what can be spent."""
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10, p_expires_at=NOON + HOUR)
    swept_at = advance(conn, 3 * HOUR)
    call(conn, "expire_user_credits")

    assert _at(conn, user, NOON + 2 * HOUR) == 10
    assert _at(conn, user, swept_at) == 0


def test_other_users_do_not_count(conn: psycopg.Connection[Any]) -> None:
    user, other = new_user(), new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10)
    advance(conn, HOUR)
    grant(conn, other, 99)

    assert _at(conn, user, NOON + HOUR) == 10


def test_an_unknown_user_had_nothing(conn: psycopg.Connection[Any]) -> None:
    with no_trace(conn):
        assert _at(conn, new_user(), NOON) == 0


def test_it_needs_a_user_and_a_time(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "get_user_credits_at", None, NOON)
    with refused_argument(conn, "p_at", value=None):
        call(conn, "get_user_credits_at", new_user(), None)
