"""L6: refunds are stored with either sign: two of them sum to 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.api import new_user, refused
from support.books import deduct, grant, no_trace, refund, revoke

if TYPE_CHECKING:
    import psycopg


def test_l6_refunds_are_positive_and_sum_to_what_was_refunded(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 100)
    for amount in (2, 12):
        charge = deduct(conn, user, amount)
        refund(conn, user, charge, 1)
        refund(conn, user, charge)

    stored = conn.execute(
        "select t.credits from credits.credit_transactions as t"
        " where t.user_id = %s and t.transaction_type = 'refund' order by t.seq",
        (user,),
    ).fetchall()

    assert [row.credits for row in stored] == [1, 1, 1, 11]


@pytest.mark.parametrize("kind", ["grant", "deduction", "refund", "expiry", "revocation"])
def test_l6_the_ledger_takes_no_row_of_the_wrong_sign(
    conn: psycopg.Connection[Any], kind: str
) -> None:
    """Not even from its owner: the sign belongs to the type."""
    user = new_user()
    granted = grant(conn, user, 10)
    refund(conn, user, deduct(conn, user, 4))
    revoke(conn, user, granted)

    for wrong in (0, -1 if kind in ("grant", "refund") else 1):
        with no_trace(conn), refused("23514"):
            conn.execute(
                "insert into credits.credit_transactions (user_id, transaction_id, seq, credits,"
                " balance_after, created_at, transaction_type, refund_of, allocations, metadata,"
                " content_digest, entry_hash)"
                " select t.user_id, gen_random_uuid(), 99, %(credits)s, 0, now(),"
                " %(kind)s::credits.transaction_type,"
                " case when %(kind)s = 'refund' then t.transaction_id end,"
                " '[]', '{}', '', '' from credits.credit_transactions as t limit 1",
                {"credits": wrong, "kind": kind},
            )
