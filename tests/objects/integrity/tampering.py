"""A user with a bit of everything, and hands that reach past the functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from support.api import call, new_user, rows
from support.books import NOON, deduct, entries, grant, lots, refund, revoke
from support.clock import set_clock
from support.paths import PROCEDURES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    import psycopg

VERIFICATION = PROCEDURES / "internal" / "integrity"


@dataclass(frozen=True)
class History:
    """One user's ids, by the names that tampering statements use."""

    user: UUID
    ids: Mapping[str, UUID]


def live(conn: psycopg.Connection[Any], *, days_before: int = 0) -> History:
    """Everything that can happen to a user's credits, in eleven ledger rows and five lots.

        seq  what happened                                    balance after
          1  purchase of 10 at 0.10                                      10
          2  promo of 20 for two days, spent first                       30
          3  deduction of 25: 20 of the promo, 5 of the purchase          5
          4  refund of 5 to the purchase                                 10
          5  refund of the other 20, as a fresh lot: the promo expired   30
          6  deduction of 25: 20 of the fresh lot, 5 of the purchase      5
             revocation of the promo: nothing is there, 20 are owed
          7  refund of 8: 5 to the purchase, 3 to the fresh lot          13
          8  revocation of those 3, 17 are owed                          10
          9  goodwill of 7 for a day                                     17
         10  expiry of these                                             10
         11  goodwill of 4 for a year                                     14

    The clock stands at its end afterwards.
    """
    user = new_user()
    start = NOON - timedelta(days=days_before)
    set_clock(conn, start)
    purchase = grant(
        conn,
        user,
        10,
        p_source="purchase",
        p_unit_price_usd=Decimal("0.1"),
        p_reason="starter pack",
        p_idempotency_key=f"pi_{user}",
        p_metadata={"invoice": "A-1"},
    )
    promo = grant(
        conn, user, 20, p_source="promo", p_priority=50, p_expires_at=start + timedelta(days=2)
    )
    charge = deduct(
        conn,
        user,
        25,
        p_cost_usd=Decimal("0.25"),
        p_reason="an image",
        p_idempotency_key="job-1",
        p_metadata={"prompt": "a cat"},
    )
    partial = refund(conn, user, charge.transaction_id, 5)
    set_clock(conn, start + timedelta(days=3))
    rest = refund(conn, user, charge.transaction_id)
    second = deduct(conn, user, 25)
    revoke(conn, user, promo.transaction_id, p_reason="fraud", p_idempotency_key="rv-1")
    followed = refund(conn, user, second.transaction_id, 8)
    collected = entries(conn, user)[-1]
    grant(conn, user, 7, p_expires_at=start + timedelta(days=4))
    set_clock(conn, start + timedelta(days=5))
    assert [row.user_id for row in rows(conn, "expire_user_credits")] == [user]
    expiry = entries(conn, user)[-1]
    last = grant(conn, user, 4, p_expires_at=start + timedelta(days=365))
    assert call(conn, "get_user_credits", user).balance == 14

    by_source = {(lot.source, lot.granted): lot.lot_id for lot in lots(conn, user)}
    return History(
        user,
        {
            "user": user,
            "stranger": new_user(),
            "purchase": purchase.transaction_id,
            "promo": promo.transaction_id,
            "charge": charge.transaction_id,
            "partial": partial.transaction_id,
            "rest": rest.transaction_id,
            "second": second.transaction_id,
            "followed": followed.transaction_id,
            "collected": collected.transaction_id,
            "expiry": expiry.transaction_id,
            "last": last.transaction_id,
            "purchase_lot": by_source["purchase", 10],
            "promo_lot": by_source["promo", 20],
            "refund_lot": by_source["refund", 20],
            "expired_lot": by_source["goodwill", 7],
            "last_lot": by_source["goodwill", 4],
        },
    )


def tamper(conn: psycopg.Connection[Any], history: History, statement: str) -> None:
    """Run a statement as the owner can: with the triggers disabled.

    %(name)s in it stands for one of the history's ids. It must change something.
    """
    for table in ("credit_transactions", "user_credits"):
        conn.execute(f"alter table credits.{table} disable trigger all")
    cursor = conn.execute(statement, dict(history.ids))
    assert cursor.rowcount > 0
    for trigger in ("refuse_change", "refuse_truncate"):
        conn.execute(f"alter table credits.credit_transactions enable always trigger {trigger}")


def kinds_in_the_source() -> set[str]:
    """Every kind of violation that verify_ledger can report of the money.

    Those of generations are provoked in test_verify_generations.py.
    """
    return {
        kind
        for file in VERIFICATION.glob("verify_*.sql")
        if file.stem != "verify_generations"
        for kind in re.findall(r"(?:\(|select)\n\s+'(\w+)',\n", file.read_text(encoding="utf-8"))
    }
