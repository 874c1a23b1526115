"""L12: always refunds 1, whatever was charged (2, 12, 20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import new_user
from support.books import Books, books, deduct, entry, grant, refund

if TYPE_CHECKING:
    import psycopg


def test_l12_a_refund_gives_back_what_was_charged(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    charges = {amount: deduct(conn, user, amount) for amount in (1, 2, 12, 20)}

    for amount, charge in charges.items():
        back = refund(conn, user, charge)
        assert back.credits_refunded == amount
        assert entry(conn, user, back).credits == amount

    assert books(conn, user) == Books(
        balance=100,
        ledger=[
            ("grant", 100, 100),
            ("deduction", -1, 99),
            ("deduction", -2, 97),
            ("deduction", -12, 85),
            ("deduction", -20, 65),
            ("refund", 1, 66),
            ("refund", 2, 68),
            ("refund", 12, 80),
            ("refund", 20, 100),
        ],
        lots=[("goodwill", 100, 100)],
    )
