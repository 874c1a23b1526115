"""Balances that an application writes, at the edges that its views do not show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, refused

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

WRITE = """
select credits_internal.write_legacy_balance(
    p_user_id => %s,
    p_written_as => 'public.wallets',
    p_buckets => array[
        row(%s, %s, null, false, null, null, 100, null)::credits_internal.legacy_bucket
    ],
    p_max_rise => 50,
    p_refund_within => interval '1 day'
)
"""


def write(conn: psycopg.Connection[Any], user: UUID, before: int, after: int | None) -> None:
    conn.execute(WRITE, [user, before, after])


@pytest.mark.parametrize(
    ("ended", "refunded"), [("complete_generation", 0), ("fail_generation", 10)]
)
def test_the_charge_of_a_generation_is_not_given_back(
    conn: psycopg.Connection[Any], ended: str, refunded: int
) -> None:
    """It is refunded when the generation fails: what is added is another thing, and capped."""
    user = new_user()
    call(conn, "grant_user_credits", user, 100)
    started = call(conn, "start_generation", user, "kling", "image", 10)

    write(conn, user, 90, 100)
    done = call(conn, ended, user, started.generation_id)
    write(conn, user, 100 + refunded, 110 + refunded)

    assert done.credits_refunded == refunded
    assert call(conn, "get_user_credits", user).balance == 110 + refunded
    assert call(conn, "get_generation", user, started.generation_id).credits_refunded == refunded


def test_a_charge_from_before_is_not_given_back(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    call(conn, "grant_user_credits", user, 200)
    write(conn, user, 200, 100)

    with refused("PT422", "invalid_argument"):
        conn.execute(WRITE.replace("'1 day'", "'0'").encode(), [user, 100, 200])
    write(conn, user, 100, 200)

    assert call(conn, "get_user_credits", user).balance == 200


def test_what_bought_credits_did_not_pay_is_no_refund_of_them(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    call(conn, "grant_user_credits", user, 30, p_expires_at="2100-01-01")
    write(conn, user, 30, 20)
    lasting = WRITE.replace("null, false, null", "false, false, null").encode()

    conn.execute(lasting, [user, 0, 10])

    (row,) = conn.execute(
        "select count(*) filter (where expires_at is null) as lasting, sum(remaining) as credits"
        " from credits.credit_lots where user_id = %s",
        [user],
    ).fetchall()
    assert (row.lasting, row.credits) == (1, 30)


def test_a_user_whom_nobody_knows_gets_an_account(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    with refused("PT402", "insufficient_credits"):
        write(conn, user, 0, -5)
    with refused("PT422", "invalid_argument"):
        write(conn, user, 0, None)

    write(conn, user, 0, 5)

    assert call(conn, "get_user_credits", user).balance == 5
