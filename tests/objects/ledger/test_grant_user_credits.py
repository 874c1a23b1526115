from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from support.api import call, new_user, refused
from support.books import (
    BAD_CREDITS,
    BAD_DOLLARS,
    BAD_KEYS,
    BAD_METADATA,
    LONGEST_METADATA,
    MOST_BALANCE,
    MOST_CREDITS,
    NOON,
    Books,
    books,
    deduct,
    each_refused,
    entry,
    grant,
    last_entry,
    legs,
    lot_of,
    no_trace,
    refund,
    refused_argument,
    refused_without_trace,
    revoke,
    settle_for,
    user_row,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

SOURCES = ["purchase", "allowance", "promo", "referral", "goodwill", "import", "adjustment"]


def test_a_grant_makes_a_lot_and_a_ledger_row(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)

    granted = grant(
        conn,
        user,
        100,
        p_source="purchase",
        p_expires_at=NOON + timedelta(days=365),
        p_priority=7,
        p_unit_price_usd=Decimal("0.05"),
        p_reason="starter pack",
        p_idempotency_key="pi_1",
        p_metadata={"invoice": "A-1"},
    )

    assert granted[1:] == (user, 100, 100, False)
    assert books(conn, user) == Books(
        balance=100,
        ledger=[("grant", 100, 100)],
        lots=[("purchase", 100, 100)],
    )
    lot = lot_of(conn, user, granted)
    assert (lot.priority, lot.unit_price_usd) == (7, Decimal("0.05"))
    assert (lot.expires_at, lot.created_at) == (NOON + timedelta(days=365), NOON)
    assert (lot.origin_lot_id, lot.revoked_owed) == (None, 0)
    row = entry(conn, user, granted)
    assert (row.seq, row.source, row.requested_credits) == (1, "purchase", 100)
    assert (row.reason, row.idempotency_key) == ("starter pack", "pi_1")
    assert (row.metadata, row.created_at) == ({"invoice": "A-1"}, NOON)
    assert (row.refund_of, row.generation_id, row.cost_usd) == (None, None, None)
    assert legs(row) == [(lot.lot_id, 100)]


def test_a_grant_without_more_is_goodwill_that_never_expires(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()

    granted = grant(conn, user, 5)

    lot = lot_of(conn, user, granted)
    assert (lot.source, lot.priority) == ("goodwill", 100)
    assert (lot.expires_at, lot.unit_price_usd) == (None, None)
    row = last_entry(conn, user)
    assert (row.reason, row.idempotency_key, row.metadata) == (None, None, {})


def test_null_stands_for_each_default(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    granted = grant(
        conn,
        user,
        5,
        p_expires_at=None,
        p_priority=None,
        p_unit_price_usd=None,
        p_reason=None,
        p_idempotency_key=None,
        p_metadata=None,
    )

    lot = lot_of(conn, user, granted)
    assert (lot.priority, lot.expires_at, lot.unit_price_usd) == (100, None, None)
    assert last_entry(conn, user).metadata == {}


def test_an_expiry_at_the_end_of_time_is_none(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    granted = grant(conn, user, 5, p_expires_at="infinity")

    assert lot_of(conn, user, granted).expires_at is None
    assert call(conn, "get_user_credits", user).next_expiry_at is None


def test_credits_come_from_any_of_these_sources(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    for source in SOURCES:
        granted = grant(conn, user, 5, p_source=source, p_idempotency_key=f"from {source}")
        assert lot_of(conn, user, granted).source == source
        assert last_entry(conn, user).source == source


def test_the_first_grant_makes_the_users_row(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    settle_for(conn, default_low_balance_threshold=20)
    set_clock(conn, NOON)

    grant(conn, user, 5)
    settle_for(conn, default_low_balance_threshold=30)
    grant(conn, user, 5)

    row = user_row(conn, user)
    assert (row.balance, row.last_seq, row.low_balance_threshold) == (10, 2, 20)
    assert (row.created_at, row.plan, row.frozen_at) == (NOON, None, None)


def test_grants_add_up(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    balances = [grant(conn, user, amount).balance for amount in (1, 20, MOST_CREDITS)]

    assert balances == [1, 21, MOST_CREDITS + 21]
    assert books(conn, user).ledger == [
        ("grant", 1, 1),
        ("grant", 20, 21),
        ("grant", MOST_CREDITS, MOST_CREDITS + 21),
    ]


def test_a_frozen_user_can_be_granted_credits(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    call(conn, "freeze_user_credits", user, "chargeback")

    assert grant(conn, user, 5).balance == 5

    assert call(conn, "get_user_credits", user).frozen


def test_due_expiries_are_written_before_a_grant(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10, p_expires_at=NOON + timedelta(hours=1))
    grant(conn, user, 20)
    advance(conn, timedelta(hours=1))

    granted = grant(conn, user, 5)

    assert granted.balance == 25
    assert books(conn, user) == Books(
        balance=25,
        ledger=[("grant", 10, 10), ("grant", 20, 30), ("expiry", -10, 20), ("grant", 5, 25)],
        lots=[("goodwill", 10, 0), ("goodwill", 20, 20), ("goodwill", 5, 5)],
    )


def test_the_webhook_of_one_payment_grants_once(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    first = grant(conn, user, 100, p_source="purchase", p_idempotency_key="pi_1")

    with no_trace(conn):
        second = grant(conn, user, 100, p_source="purchase", p_idempotency_key="pi_1")

    assert second == first._replace(replayed=True)


def test_a_repeat_gives_the_stored_result_with_todays_balance(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    first = grant(conn, user, 100, p_idempotency_key="k")
    deduct(conn, user, 30)

    with no_trace(conn):
        second = grant(conn, user, 100, p_idempotency_key="k")

    assert second == first._replace(balance=70, replayed=True)


def test_a_repeat_is_known_by_source_and_credits_alone(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    first = grant(conn, user, 100, p_idempotency_key="k", p_reason="first", p_priority=1)

    with no_trace(conn):
        second = grant(
            conn,
            user,
            100,
            p_expires_at="2999-01-01 00:00+00",
            p_priority=5,
            p_unit_price_usd=Decimal(3),
            p_reason="second",
            p_idempotency_key="k",
            p_metadata={"again": True},
        )

    assert second == first._replace(replayed=True)


def test_a_repeat_is_a_repeat_after_the_credits_have_expired(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    expires_at = NOON + timedelta(hours=1)
    first = grant(conn, user, 100, p_expires_at=expires_at, p_idempotency_key="k")
    advance(conn, timedelta(hours=2))

    with no_trace(conn):
        second = grant(conn, user, 100, p_expires_at=expires_at, p_idempotency_key="k")

    assert second == first._replace(balance=0, replayed=True)


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"p_credits": 101}, "p_credits"), ({"p_source": "promo"}, "p_source")],
)
def test_another_grant_under_the_key_is_a_conflict(
    conn: psycopg.Connection[Any], changed: dict[str, Any], field: str
) -> None:
    user = new_user()
    request = {"p_credits": 100, "p_source": "purchase", "p_idempotency_key": "k"}
    call(conn, "grant_user_credits", p_user_id=user, **request)

    with refused_without_trace(conn, "PT409", "idempotency_conflict", key="k", field=field):
        call(conn, "grant_user_credits", p_user_id=user, **{**request, **changed})


@pytest.mark.parametrize("function", ["deduct", "refund", "revoke", "revoke in vain"])
def test_a_key_that_another_function_used_is_a_conflict(
    conn: psycopg.Connection[Any], function: str
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    charge = deduct(conn, user, 10, p_idempotency_key="k" if function == "deduct" else None)
    if function == "refund":
        refund(conn, user, charge, 10, p_idempotency_key="k")
    if function == "revoke":
        refund(conn, user, charge, 10)
    if function.startswith("revoke"):
        revoke(conn, user, granted, 10, p_idempotency_key="k")

    with refused_without_trace(conn, "PT409", "idempotency_conflict", key="k", field="function"):
        grant(conn, user, 10, p_idempotency_key="k")


def test_two_users_may_use_one_key(conn: psycopg.Connection[Any]) -> None:
    first = grant(conn, new_user(), 10, p_idempotency_key="welcome")
    second = grant(conn, new_user(), 10, p_idempotency_key="welcome")

    assert not second.replayed
    assert second.transaction_id != first.transaction_id


def test_a_key_stays_free_when_its_call_was_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    with refused_argument(conn, "p_expires_at"):
        grant(conn, user, 10, p_expires_at="2001-01-01 00:00+00", p_idempotency_key="k")

    granted = grant(conn, user, 99, p_source="promo", p_idempotency_key="k")

    assert granted[1:] == (user, 99, 99, False)


def test_a_grant_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "grant_user_credits", None, 5)

    with refused_argument(conn, "p_user_id", value=str(UUID(int=0))):
        call(conn, "grant_user_credits", UUID(int=0), 5)


def test_an_amount_that_cannot_be_granted_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    each_refused(conn, "p_credits", [None, *BAD_CREDITS], lambda amount: grant(conn, user, amount))
    with refused_argument(conn, "p_credits", value="-5"):
        grant(conn, user, -5)


def test_a_source_that_is_not_the_callers_to_name_is_refused(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()

    each_refused(
        conn,
        "p_source",
        [None, "", "PURCHASE", "gift", "refund", "rollover"],
        lambda source: grant(conn, user, 5, p_source=source),
    )


def test_a_purchase_needs_the_payments_id(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_idempotency_key", value=None):
        grant(conn, new_user(), 5, p_source="purchase")


def test_credits_that_have_expired_already_are_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)

    each_refused(
        conn,
        "p_expires_at",
        ["-infinity", NOON - timedelta(days=1), NOON],
        lambda expires_at: grant(conn, user, 5, p_expires_at=expires_at),
    )

    assert grant(conn, user, 5, p_expires_at=NOON + timedelta(microseconds=1)).balance == 5


def test_a_price_that_is_no_amount_of_dollars_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    each_refused(
        conn,
        "p_unit_price_usd",
        BAD_DOLLARS,
        lambda price: grant(conn, user, 5, p_unit_price_usd=price),
    )


def test_a_price_is_kept_to_the_millionth_of_a_dollar(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    for price in map(Decimal, ("0", "0.000001", "999999999.999999")):
        granted = grant(conn, user, 5, p_unit_price_usd=price)
        assert lot_of(conn, user, granted).unit_price_usd == price


def test_a_key_that_is_empty_too_long_or_reserved_is_refused(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()

    each_refused(
        conn,
        "p_idempotency_key",
        BAD_KEYS,
        lambda key: grant(conn, user, 5, p_idempotency_key=key),
    )


def test_metadata_that_is_no_object_or_too_long_is_refused(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    query = "select * from credits.grant_user_credits(%s, 5, p_metadata => %s::jsonb)"

    each_refused(
        conn, "p_metadata", BAD_METADATA, lambda metadata: conn.execute(query, (user, metadata))
    )


def test_a_reason_that_is_too_long_is_refused(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_reason"):
        grant(conn, new_user(), 5, p_reason="r" * 1_001)


def test_the_longest_texts_are_kept_whole(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    key, reason, metadata = "ключ" * 50, "€" * 1_000, LONGEST_METADATA

    grant(conn, user, 5, p_idempotency_key=key, p_reason=reason, p_metadata=metadata)

    row = last_entry(conn, user)
    assert (row.idempotency_key, row.reason, row.metadata) == (key, reason, metadata)


def test_a_number_beyond_its_type_is_postgres_own_refusal(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()

    with no_trace(conn), refused("42883"):
        grant(conn, user, 2**63)
    with no_trace(conn), refused("22003"):
        conn.execute("select * from credits.grant_user_credits(%s, %s::bigint)", (user, 2**63))


def test_an_argument_that_can_never_be_right_is_refused_before_the_key_is_looked_up(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 5, p_idempotency_key="k")

    with refused_argument(conn, "p_reason"):
        grant(conn, user, 99, p_reason="r" * 1_001, p_idempotency_key="k")


def test_a_conflict_is_judged_before_an_expiry_in_the_past(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 5, p_idempotency_key="k")

    with refused_without_trace(conn, "PT409", "idempotency_conflict"):
        grant(conn, user, 99, p_expires_at="2001-01-01 00:00+00", p_idempotency_key="k")


@pytest.mark.tampers
def test_a_balance_has_a_limit(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 1)
    # Nine thousand grants would get there, too.
    conn.execute("update credits.user_credits set balance = %s", (MOST_BALANCE - 5,))

    with refused_argument(conn, "p_credits", value="6"):
        grant(conn, user, 6)

    assert grant(conn, user, 5).balance == MOST_BALANCE
    # What takes credits away is not in the way of the limit.
    assert deduct(conn, user, 1).balance == MOST_BALANCE - 1
