"""In which column of an older system's balances a user's lots are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import call, new_user, value

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

    Conn = psycopg.Connection[Any]

BUCKETS = ["monthly", "bought", "bonus"]


def shown(conn: Conn, user: UUID, *buckets: str) -> int:
    found: int = value(
        conn, "credits_internal.legacy_bucket_credits", user, "old.wallets", BUCKETS,
        [False, True, True], list(buckets),
    )  # fmt: skip
    return found


def test_a_lot_is_where_it_was_granted_to_or_where_credits_last_as_long(conn: Conn) -> None:
    user = new_user()
    for credits_, bucket, lasts in (
        (1, "bonus", "infinity"), (2, "bought", "infinity"), (4, None, "infinity"),
        (8, None, "1 day"), (16, "elsewhere", "1 day"), (32, "bonus", "1 day"),
    ):  # fmt: skip
        conn.execute(
            "select credits.grant_user_credits(%s, %s, p_metadata => jsonb_strip_nulls("
            "jsonb_build_object('legacy_bucket', %s::text)), p_expires_at =>"
            " case when %s <> 'infinity' then now() + %s::text::interval end)",
            [user, credits_, bucket, lasts, lasts.replace("infinity", "0")],
        )

    assert [shown(conn, user, one) for one in BUCKETS] == [24, 6, 33]
    assert shown(conn, user, "monthly", "bonus") == 57

    # What comes back of an expired lot is where that was.
    charge = call(conn, "deduct_user_credits", user, 40).transaction_id
    conn.execute(
        "update credits.credit_lots set expires_at = now() where expires_at is not null;"
        "update credits.user_credits set next_due_at = now()"
    )
    call(conn, "refund_user_credits", user, charge)
    after = [shown(conn, user, one) for one in BUCKETS]
    assert (sum(after), after[1:2]) == (call(conn, "get_user_credits", user).balance, [6])
