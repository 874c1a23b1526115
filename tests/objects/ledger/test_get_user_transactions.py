from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from support.api import call, new_user, rows
from support.books import (
    NOON,
    deduct,
    each_refused,
    entries,
    grant,
    no_trace,
    refund,
    refused_argument,
    revoke,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

MICROSECOND = timedelta(microseconds=1)


def test_every_kind_of_row_is_shown_newest_first(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    granted = grant(
        conn, user, 100, p_source="purchase", p_idempotency_key="pi_1", p_metadata={"n": 1}
    )
    charge = deduct(
        conn, user, 30, p_reason="portrait", p_cost_usd=Decimal("0.12"), p_metadata={"n": 2}
    )
    back = refund(conn, user, charge, 10, p_reason="half of it failed")
    taken = revoke(conn, user, granted, 15, p_reason="dispute")
    grant(conn, user, 5, p_source="promo", p_expires_at=NOON + timedelta(hours=1))
    late = advance(conn, timedelta(hours=1))
    call(conn, "expire_user_credits")

    with no_trace(conn):
        shown = [row._asdict() for row in rows(conn, "get_user_transactions", user)]

    written = entries(conn, user)
    nothing: dict[str, Any] = {
        "user_id": user,
        "source": None,
        "refund_of": None,
        "revocation_of": None,
        "generation_id": None,
        "cost_usd": None,
        "reason": None,
        "idempotency_key": None,
        "metadata": {},
    }
    assert shown == [
        {
            **nothing,
            "transaction_id": written[5].transaction_id,
            "seq": 6,
            "created_at": late,
            "transaction_type": "expiry",
            "credits": -5,
            "balance_after": 65,
        },
        {
            **nothing,
            "transaction_id": written[4].transaction_id,
            "seq": 5,
            "created_at": NOON + 4 * MICROSECOND,
            "transaction_type": "grant",
            "credits": 5,
            "balance_after": 70,
            "source": "promo",
        },
        {
            **nothing,
            "transaction_id": taken.transaction_id,
            "seq": 4,
            "created_at": NOON + 3 * MICROSECOND,
            "transaction_type": "revocation",
            "credits": -15,
            "balance_after": 65,
            "revocation_of": granted.transaction_id,
            "reason": "dispute",
        },
        {
            **nothing,
            "transaction_id": back.transaction_id,
            "seq": 3,
            "created_at": NOON + 2 * MICROSECOND,
            "transaction_type": "refund",
            "credits": 10,
            "balance_after": 80,
            "refund_of": charge.transaction_id,
            "reason": "half of it failed",
        },
        {
            **nothing,
            "transaction_id": charge.transaction_id,
            "seq": 2,
            "created_at": NOON + MICROSECOND,
            "transaction_type": "deduction",
            "credits": -30,
            "balance_after": 70,
            "cost_usd": Decimal("0.12"),
            "reason": "portrait",
            "metadata": {"n": 2},
        },
        {
            **nothing,
            "transaction_id": granted.transaction_id,
            "seq": 1,
            "created_at": NOON,
            "transaction_type": "grant",
            "credits": 100,
            "balance_after": 100,
            "source": "purchase",
            "idempotency_key": "pi_1",
            "metadata": {"n": 1},
        },
    ]


def test_pages_follow_each_other_without_gap_or_overlap(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    for _ in range(7):
        deduct(conn, user, 1)

    pages: list[list[int]] = []
    before = None
    while page := rows(conn, "get_user_transactions", user, before, 3):
        pages.append([row.seq for row in page])
        before = page[-1].seq

    assert pages == [[8, 7, 6], [5, 4, 3], [2, 1]]


def test_new_rows_do_not_shift_the_pages(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    for _ in range(3):
        deduct(conn, user, 1)
    first = rows(conn, "get_user_transactions", user, p_limit=2)

    deduct(conn, user, 1)
    second = rows(conn, "get_user_transactions", user, first[-1].seq, 2)

    assert [row.seq for row in (*first, *second)] == [4, 3, 2, 1]


def test_fifty_rows_are_shown_where_no_limit_is_given(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    for _ in range(50):
        deduct(conn, user, 1)

    shown = rows(conn, "get_user_transactions", user)

    assert [row.seq for row in shown] == list(range(51, 1, -1))


def test_a_page_may_be_asked_for_from_anywhere(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    deduct(conn, user, 1)

    def seqs(before: int) -> list[int]:
        return [row.seq for row in rows(conn, "get_user_transactions", user, before)]

    assert {before: seqs(before) for before in (-1, 0, 1, 2, 3, 2**62)} == {
        -1: [],
        0: [],
        1: [],
        2: [1],
        3: [2, 1],
        2**62: [2, 1],
    }


def test_only_the_users_own_rows_are_shown(conn: psycopg.Connection[Any]) -> None:
    user, other = new_user(), new_user()
    grant(conn, user, 1)
    grant(conn, other, 2)

    assert [row.credits for row in rows(conn, "get_user_transactions", user)] == [1]
    assert rows(conn, "get_user_transactions", new_user()) == []


def test_it_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        rows(conn, "get_user_transactions", None)


def test_a_limit_that_makes_no_sense_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    each_refused(
        conn,
        "p_limit",
        [None, 0, -1],
        lambda limit: rows(conn, "get_user_transactions", user, None, limit),
    )
