"""L19: expired credits stay spendable until swept; or expiry eats paid credits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, rows
from support.books import (
    NOON,
    Books,
    balance,
    books,
    deduct,
    grant,
    lots,
    no_trace,
    refused_without_trace,
    user_row,
)
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg

LATER = NOON.replace(hour=14)


def test_l19_expired_credits_cannot_be_spent_before_they_are_swept(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 50, p_source="promo", p_expires_at=NOON.replace(hour=13))
    grant(conn, user, 10, p_source="purchase", p_idempotency_key="pi_1")
    set_clock(conn, LATER)

    assert (balance(conn, user), user_row(conn, user).balance) == (10, 60)
    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=10, required=11):
        deduct(conn, user, 11)
    assert deduct(conn, user, 10).balance == 0
    assert (balance(conn, user), user_row(conn, user).balance) == (0, 0)


@pytest.mark.parametrize("by", ["the sweep", "a deduction"])
def test_l19_expiry_takes_what_is_left_of_the_expired_lot_and_nothing_else(
    conn: psycopg.Connection[Any], by: str
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    # What was paid for burns first, so that the promotion is whole when it expires.
    grant(conn, user, 10, p_source="purchase", p_idempotency_key="pi_1", p_priority=1)
    grant(conn, user, 50, p_source="promo", p_expires_at=NOON.replace(hour=13))
    grant(conn, user, 30, p_source="purchase", p_idempotency_key="pi_2")
    deduct(conn, user, 12)
    set_clock(conn, LATER)

    if by == "the sweep":
        (swept,) = rows(conn, "expire_user_credits")
        assert (swept.user_id, swept.credits, swept.error) == (user, -48, None)
    else:
        deduct(conn, user, 1)

    left = 30 if by == "the sweep" else 29
    assert books(conn, user).balance == left
    assert books(conn, user).ledger[:5] == [
        ("grant", 10, 10),
        ("grant", 50, 60),
        ("grant", 30, 90),
        ("deduction", -12, 78),
        ("expiry", -48, 30),
    ]
    assert books(conn, user).lots == [
        ("purchase", 10, 0),
        ("promo", 50, 0),
        ("purchase", 30, left),
    ]


def test_l19_a_second_sweep_takes_nothing_more(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 50, p_source="promo", p_expires_at=NOON.replace(hour=13))
    grant(conn, user, 10, p_source="purchase", p_idempotency_key="pi_1")
    set_clock(conn, LATER)
    call(conn, "expire_user_credits")

    with no_trace(conn):
        assert rows(conn, "expire_user_credits") == []

    assert books(conn, user) == Books(
        balance=10,
        ledger=[("grant", 50, 50), ("grant", 10, 60), ("expiry", -50, 10)],
        lots=[("promo", 50, 0), ("purchase", 10, 10)],
    )
    assert [lot.expires_at for lot in lots(conn, user)] == [NOON.replace(hour=13), None]
