from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.small_histories import START, columns, shown
from support.api import new_user, rows
from support.books import deduct, grant, refund, settle_for
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

ORDER = "source, expires_month nulls first"
# Far ahead of any now(): the last hours of a February in UTC, the first of March in Berlin.
LATE = datetime(2097, 2, 28, 23, 30, tzinfo=UTC)


def test_it_sums_what_can_still_be_spent_by_source_and_month(
    conn: psycopg.Connection[Any],
) -> None:
    ann, ben = new_user(), new_user()
    set_clock(conn, START)
    for n, user, amount, price in (
        (1, ann, 100, "0.05"),
        (2, ann, 10, "0.1"),
        (3, ben, 30, None),
    ):
        grant(
            conn,
            user,
            amount,
            p_source="purchase",
            p_idempotency_key=f"pi_{n}",
            p_unit_price_usd=None if price is None else Decimal(price),
        )
    grant(conn, ben, 8, p_source="promo", p_expires_at=LATE, p_unit_price_usd=0)
    grant(conn, ann, 5, p_source="promo", p_expires_at=LATE - timedelta(days=27))
    grant(conn, ann, 6, p_source="promo", p_expires_at=LATE + timedelta(hours=1))
    # Spent, and expired: neither is owed to anybody.
    grant(conn, ann, 3, p_source="referral", p_priority=1)
    deduct(conn, ann, 3)
    grant(conn, ann, 4, p_source="adjustment", p_expires_at=START + timedelta(days=1))
    deduct(conn, ben, 1, p_reason="of the promo, which expires")
    real_clock(conn)

    expected = [
        ("promo", date(2097, 2, 1), 2, 12, Decimal(0)),
        ("promo", date(2097, 3, 1), 1, 6, None),
        # 100 at 0.05 and 10 at 0.10; the other 30 carry no price.
        ("purchase", None, 3, 140, Decimal(6)),
    ]
    assert shown(conn, "credit_liability", ORDER) == expected

    rows(conn, "expire_user_credits")
    assert shown(conn, "credit_liability", ORDER) == expected


def test_months_are_those_of_the_business_time_zone(conn: psycopg.Connection[Any]) -> None:
    grant(conn, new_user(), 8, p_expires_at=LATE)
    assert [row.expires_month for row in shown(conn, "credit_liability", ORDER)] == [
        date(2097, 2, 1)
    ]

    settle_for(conn, business_time_zone="Europe/Berlin")
    conn.execute("set time zone 'America/Los_Angeles'")

    assert [row.expires_month for row in shown(conn, "credit_liability", ORDER)] == [
        date(2097, 3, 1)
    ]


def test_what_came_back_after_its_lot_expired_is_owed_as_a_refund(
    conn: psycopg.Connection[Any],
) -> None:
    # A century of grace: the lot must outlive both its expiry and the view's now().
    settle_for(conn, refund_grace=timedelta(days=36500))
    user = new_user()
    set_clock(conn, START)
    grant(
        conn,
        user,
        10,
        p_source="promo",
        p_expires_at=START + timedelta(days=36000),
        p_unit_price_usd=Decimal("0.5"),
    )
    charge = deduct(conn, user, 4)
    set_clock(conn, START + timedelta(days=36001))
    refund(conn, user, charge.transaction_id)
    real_clock(conn)

    # The other 6 of the promo expired.
    (owed,) = shown(conn, "credit_liability", ORDER)
    assert (owed.source, owed.lots, owed.outstanding_credits) == ("refund", 1, 4)
    assert owed.sold_for_usd == Decimal(2)


def test_large_holdings_do_not_overflow(conn: psycopg.Connection[Any]) -> None:
    for _ in range(3):
        grant(conn, new_user(), 10**12, p_unit_price_usd=Decimal("999999999.999999"))

    (row,) = shown(conn, "credit_liability", ORDER)

    assert row.outstanding_credits == 3 * 10**12
    assert row.sold_for_usd == 3 * 10**12 * Decimal("999999999.999999")


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert columns(conn, "credit_liability") == {
        "source": "text",
        "expires_month": "date",
        "lots": "bigint",
        "outstanding_credits": "bigint",
        "sold_for_usd": "numeric",
    }


def test_without_credits_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 3)
    deduct(conn, user, 3)

    assert shown(conn, "credit_liability", ORDER) == []


def test_a_lot_that_expires_at_the_end_of_all_times_does_not_break_it(
    conn: psycopg.Connection[Any],
) -> None:
    settle_for(conn, business_time_zone="Asia/Tokyo")
    grant(conn, new_user(), 5, p_source="promo", p_expires_at="294276-12-31 23:59:59.999999+00")
    grant(conn, new_user(), 6, p_source="promo")

    assert shown(conn, "credit_liability", ORDER) == [
        ("promo", None, 1, 6, None),
        ("promo", date(9999, 12, 1), 1, 5, None),
    ]
