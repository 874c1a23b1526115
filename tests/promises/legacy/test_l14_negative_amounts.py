"""L14: negative amounts mint credits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import call, new_user
from support.books import deduct, each_refused, grant, refund, revoke

if TYPE_CHECKING:
    import psycopg


def test_l14_no_function_takes_a_negative_amount(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    charge = deduct(conn, user, 4)
    refund(conn, user, charge, 1)

    for attempt in (
        lambda amount: grant(conn, user, amount),
        lambda amount: grant(conn, user, amount, p_source="purchase", p_idempotency_key="pi_1"),
        lambda amount: deduct(conn, user, amount),
        lambda amount: refund(conn, user, charge, amount),
        lambda amount: revoke(conn, user, granted, amount),
        lambda amount: call(conn, "set_low_balance_threshold", user, amount),
    ):
        each_refused(conn, "p_credits", [-1, -10, -(10**12), -(2**63)], attempt)
