"""L5: purchased credits are refunded into the monthly bucket, then expire; and vice versa."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import call, new_user
from support.books import NOON, Books, books, deduct, grant, refund
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg


def test_l5_credits_are_refunded_to_where_they_came_from(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    call(conn, "set_user_plan", user, "free")
    call(conn, "apply_allowances")
    grant(conn, user, 10, p_source="purchase", p_idempotency_key="pi_1")
    # Five of the month's, then three that were paid for.
    charge = deduct(conn, user, 8)
    assert books(conn, user).lots == [("allowance", 5, 0), ("purchase", 10, 7)]

    # What was paid for does not become the month's ...
    refund(conn, user, charge, 3)
    assert books(conn, user).lots == [("allowance", 5, 0), ("purchase", 10, 10)]
    # ... nor what was the month's a purchase that lasts for ever.
    refund(conn, user, charge)
    assert books(conn, user).lots == [("allowance", 5, 5), ("purchase", 10, 10)]

    set_clock(conn, NOON.replace(month=6))
    call(conn, "expire_user_credits")
    assert books(conn, user) == Books(
        balance=10,
        ledger=[
            ("grant", 5, 5),
            ("grant", 10, 15),
            ("deduction", -8, 7),
            ("refund", 3, 10),
            ("refund", 5, 15),
            ("expiry", -5, 10),
        ],
        lots=[("allowance", 5, 0), ("purchase", 10, 10)],
    )
