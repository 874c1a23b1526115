from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, refused, rows
from support.books import (
    BAD_CREDITS,
    BAD_KEYS,
    NOON,
    Books,
    balance,
    books,
    deduct,
    each_refused,
    entries,
    entry,
    grant,
    last_entry,
    legs,
    lot_of,
    lots,
    no_trace,
    refund,
    refused_argument,
    refused_without_trace,
    revoke,
    settle_for,
    total,
    user_row,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_a_refund_gives_all_back_to_the_lot(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    granted = grant(conn, user, 100)
    charge = deduct(conn, user, 12)
    later = advance(conn, HOUR)

    back = refund(conn, user, charge, p_reason="provider failed", p_idempotency_key="r-1")

    assert (back.refunded, back.credits_refunded) == (True, 12)
    assert (back.balance, back.replayed) == (100, False)
    assert books(conn, user) == Books(
        balance=100,
        ledger=[("grant", 100, 100), ("deduction", -12, 88), ("refund", 12, 100)],
        lots=[("goodwill", 100, 100)],
    )
    row = entry(conn, user, back)
    assert (row.seq, row.refund_of) == (3, charge.transaction_id)
    # The caller named no amount.
    assert (row.requested_credits, row.source) == (None, None)
    assert (row.reason, row.idempotency_key) == ("provider failed", "r-1")
    assert (row.metadata, row.created_at) == ({}, later)
    assert legs(row) == [(lot_of(conn, user, granted).lot_id, 12)]
    assert total(conn, user, charge) == (12, 12, back.transaction_id)


def test_a_second_refund_returns_the_first(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    charge = deduct(conn, user, 12)
    first = refund(conn, user, charge)

    with no_trace(conn):
        second = refund(conn, user, charge)

    assert second == first._replace(replayed=True)


def test_partial_refunds_add_up_to_the_charge_and_not_above_it(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 100)
    charge = deduct(conn, user, 12)

    first = refund(conn, user, charge, 5)
    assert (first.credits_refunded, first.balance) == (5, 93)
    assert total(conn, user, charge) == (12, 5, first.transaction_id)
    with refused_without_trace(conn, "PT409", "over_refund", charged=12, refunded=5, requested=8):
        refund(conn, user, charge, 8)
    second = refund(conn, user, charge, 7)
    assert (second.credits_refunded, second.balance) == (7, 100)
    assert total(conn, user, charge) == (12, 12, second.transaction_id)
    with refused_without_trace(conn, "PT409", "over_refund", charged=12, refunded=12, requested=1):
        refund(conn, user, charge, 1)


def test_null_is_all_that_is_left(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    charge = deduct(conn, user, 12)
    refund(conn, user, charge, 5)

    rest = refund(conn, user, charge)

    assert rest.credits_refunded == 7
    assert last_entry(conn, user).requested_credits is None
    with no_trace(conn):
        again = refund(conn, user, charge)
    # The latest refund, and the total so far.
    assert again == rest._replace(credits_refunded=12, replayed=True)


def test_more_than_the_charge_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    charge = deduct(conn, user, 12)

    with refused_without_trace(conn, "PT409", "over_refund", charged=12, refunded=0, requested=13):
        refund(conn, user, charge, 13)

    assert total(conn, user, charge) is None


def test_credits_return_to_their_lots_the_last_taken_first(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    first, second, third = (lot_of(conn, user, grant(conn, user, 5)).lot_id for _ in range(3))
    charge = deduct(conn, user, 14)

    given = [legs(entry(conn, user, refund(conn, user, charge, n))) for n in (6, 1, 4)]
    given.append(legs(entry(conn, user, refund(conn, user, charge))))

    assert given == [
        [(third, 4), (second, 2)],
        [(second, 1)],
        [(second, 2), (first, 2)],
        [(first, 3)],
    ]
    assert [lot.remaining for lot in lots(conn, user)] == [5, 5, 5]


def test_what_came_back_burns_again_in_the_lots_own_order(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    urgent = lot_of(conn, user, grant(conn, user, 5, p_priority=1)).lot_id
    grant(conn, user, 5)
    charge = deduct(conn, user, 7)
    refund(conn, user, charge)

    deduct(conn, user, 1)

    assert legs(last_entry(conn, user)) == [(urgent, -1)]


def test_each_of_two_charges_of_a_lot_is_refunded_for_itself(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 100)
    small, large = deduct(conn, user, 2), deduct(conn, user, 20)

    assert refund(conn, user, small).credits_refunded == 2
    assert refund(conn, user, large).credits_refunded == 20
    assert total(conn, user, small).charged == 2
    assert total(conn, user, large).charged == 20
    assert balance(conn, user) == 100


def test_a_frozen_user_is_refunded(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    charge = deduct(conn, user, 4)
    call(conn, "freeze_user_credits", user, "chargeback")

    assert refund(conn, user, charge).balance == 10

    assert call(conn, "get_user_credits", user).frozen


@pytest.mark.parametrize(
    ("still_had", "lives"),
    [
        (timedelta(seconds=1), DAY),
        (DAY, DAY),
        (27 * HOUR, 27 * HOUR),
        (7 * DAY, 7 * DAY),
        (30 * DAY, 7 * DAY),
    ],
    ids=["24 hours at least", "24 hours", "as long", "the grace period", "no longer than that"],
)
@pytest.mark.parametrize("late_by", [timedelta(0), 90 * DAY], ids=["at expiry", "long after"])
def test_credits_of_an_expired_lot_live_as_long_as_they_still_had_when_taken(
    conn: psycopg.Connection[Any], still_had: timedelta, lives: timedelta, late_by: timedelta
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    granted = grant(
        conn,
        user,
        10,
        p_source="promo",
        p_expires_at=NOON + DAY + still_had,
        p_priority=7,
        p_unit_price_usd=Decimal("0.25"),
    )
    advance(conn, DAY)
    charge = deduct(conn, user, 4)
    refunded_at = advance(conn, still_had + late_by)

    back = refund(conn, user, charge)

    assert (back.credits_refunded, back.balance) == (4, 4)
    assert books(conn, user) == Books(
        balance=4,
        ledger=[
            ("grant", 10, 10),
            ("deduction", -4, 6),
            ("expiry", -6, 0),
            ("refund", 4, 4),
        ],
        lots=[("promo", 10, 0), ("refund", 4, 4)],
    )
    origin, fresh = lot_of(conn, user, granted), lot_of(conn, user, back)
    assert fresh.expires_at == refunded_at + lives
    assert (fresh.priority, fresh.unit_price_usd) == (7, Decimal("0.25"))
    assert fresh.origin_lot_id == origin.lot_id
    assert legs(entry(conn, user, back)) == [(fresh.lot_id, 4)]
    assert user_row(conn, user).next_due_at == refunded_at + lives


def test_the_grace_period_is_a_setting(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    settle_for(conn, refund_grace=2 * DAY)
    set_clock(conn, NOON)
    grant(conn, user, 10, p_expires_at=NOON + 5 * DAY)
    charge = deduct(conn, user, 4)
    refunded_at = advance(conn, 5 * DAY)

    back = refund(conn, user, charge)

    assert lot_of(conn, user, back).expires_at == refunded_at + 2 * DAY


def test_a_grace_period_in_days_is_so_many_times_24_hours(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    conn.execute("set time zone 'America/New_York'")
    # Clocks go back there on 2 November 2031.
    set_clock(conn, datetime.fromisoformat("2031-10-01 00:00+00:00"))
    grant(conn, user, 10, p_expires_at="2031-10-30 00:00+00")
    charge = deduct(conn, user, 4)
    refunded_at = set_clock(conn, datetime.fromisoformat("2031-10-30 00:00+00:00"))

    back = refund(conn, user, charge)

    assert lot_of(conn, user, back).expires_at - refunded_at == timedelta(hours=7 * 24)


def test_only_the_share_of_the_expired_lot_comes_as_a_fresh_one(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 5, p_expires_at=NOON + DAY)
    grant(conn, user, 5, p_expires_at=NOON + 2 * DAY)
    grant(conn, user, 5)
    advance(conn, HOUR)
    charge = deduct(conn, user, 14)
    refunded_at = advance(conn, 2 * DAY - 2 * HOUR)

    back = refund(conn, user, charge)

    # The last taken first: the lasting lot, the one with an hour to go, the expired one.
    assert legs(entry(conn, user, back)) == [
        (lots(conn, user)[2].lot_id, 4),
        (lots(conn, user)[1].lot_id, 5),
        (lots(conn, user)[3].lot_id, 5),
    ]
    assert books(conn, user).lots == [
        ("goodwill", 5, 0),
        ("goodwill", 5, 5),
        ("goodwill", 5, 5),
        ("refund", 5, 5),
    ]
    assert lots(conn, user)[3].expires_at == refunded_at + DAY
    assert lots(conn, user)[1].expires_at == NOON + 2 * DAY


def test_partial_refunds_of_an_expired_lot_are_fresh_lots_each(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    granted = grant(conn, user, 5, p_expires_at=NOON + DAY + HOUR)
    advance(conn, HOUR)
    charge = deduct(conn, user, 5)

    early = advance(conn, DAY)
    refund(conn, user, charge, 2)
    late = advance(conn, HOUR)
    refund(conn, user, charge)

    assert books(conn, user).lots == [("goodwill", 5, 0), ("refund", 2, 2), ("refund", 3, 3)]
    origin = lot_of(conn, user, granted).lot_id
    assert [lot.origin_lot_id for lot in lots(conn, user)] == [None, origin, origin]
    assert [lot.expires_at for lot in lots(conn, user)[1:]] == [early + DAY, late + DAY]


def test_what_expired_unspent_does_not_come_back_with_a_refund(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 100, p_expires_at=NOON + HOUR)
    charge = deduct(conn, user, 1)
    advance(conn, HOUR)

    back = refund(conn, user, charge)

    assert (back.credits_refunded, back.balance) == (1, 1)


def test_a_refund_lots_refund_keeps_its_descent(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    granted = grant(conn, user, 5, p_expires_at=NOON + HOUR, p_priority=3, p_unit_price_usd=0)
    back = refund(conn, user, _charge_and_let_expire(conn, user, 5))

    again = refund(conn, user, _charge_and_let_expire(conn, user, 5))

    first, second = lot_of(conn, user, back), lot_of(conn, user, again)
    assert first.origin_lot_id == lot_of(conn, user, granted).lot_id
    assert second.origin_lot_id == first.origin_lot_id
    assert (second.source, second.priority, second.unit_price_usd) == ("refund", 3, 0)


def _charge_and_let_expire(conn: psycopg.Connection[Any], user: UUID, amount: int) -> Any:
    charge = deduct(conn, user, amount)
    for lot_id, _ in legs(entry(conn, user, charge)):
        (lot,) = [lot for lot in lots(conn, user) if lot.lot_id == lot_id]
        set_clock(conn, lot.expires_at)
    return charge


@pytest.mark.parametrize("wait", [0.0, 0.5, 0.999], ids=["at once", "halfway", "at the end"])
def test_no_loop_of_charge_and_refund_keeps_credits_alive_for_ever(
    conn: psycopg.Connection[Any], wait: float
) -> None:
    user = new_user()
    settle_for(conn, refund_grace=3 * DAY)
    set_clock(conn, NOON)
    expires_at = NOON + 5 * DAY
    grant(conn, user, 5, p_expires_at=expires_at)
    gone_at = expires_at + 3 * DAY
    now = NOON

    for _ in range(20):
        # As late in the lot's life as this loop likes to.
        now = set_clock(conn, now + (expires_at - now) * wait)
        charge = deduct(conn, user, 5)
        now = set_clock(conn, expires_at)
        if refund(conn, user, charge).balance == 0:
            break
        assert now < gone_at
        expires_at = lots(conn, user)[-1].expires_at
        assert now < expires_at <= gone_at
    else:
        pytest.fail("the credits are still there")

    assert balance(conn, user) == 0
    assert lots(conn, user)[-1].remaining == 0


def test_credits_that_never_expire_survive_any_number_of_refunds(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 5, p_source="purchase", p_idempotency_key="pi_1")

    for _ in range(5):
        charge = deduct(conn, user, 5)
        advance(conn, 100 * DAY)
        assert refund(conn, user, charge).balance == 5

    assert books(conn, user).lots == [("purchase", 5, 5)]


def test_a_repeat_gives_the_stored_result_with_todays_balance(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 100)
    charge = deduct(conn, user, 12)
    first = refund(conn, user, charge, 5, p_idempotency_key="r-1", p_reason="first")
    refund(conn, user, charge)
    deduct(conn, user, 30)

    with no_trace(conn):
        second = refund(conn, user, charge, 5, p_idempotency_key="r-1", p_reason="second")

    assert second == first._replace(balance=70, replayed=True)


def test_a_repeat_of_a_refund_of_all_gives_what_that_call_gave(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 100)
    charge = deduct(conn, user, 12)
    refund(conn, user, charge, 5)
    first = refund(conn, user, charge, p_idempotency_key="r-1")

    with no_trace(conn):
        second = refund(conn, user, charge, p_idempotency_key="r-1")

    assert second == first._replace(credits_refunded=7, replayed=True)


@pytest.mark.parametrize(("first", "second"), [(12, None), (None, 12), (5, 6)])
def test_another_amount_under_the_key_is_a_conflict(
    conn: psycopg.Connection[Any], first: int | None, second: int | None
) -> None:
    """Null is not an amount: it is not the same request as the amount it came to."""
    user = new_user()
    grant(conn, user, 100)
    charge = deduct(conn, user, 12)
    refund(conn, user, charge, first, p_idempotency_key="r-1")

    with refused_without_trace(conn, "PT409", "idempotency_conflict", key="r-1", field="p_credits"):
        refund(conn, user, charge, second, p_idempotency_key="r-1")


def test_another_charge_under_the_key_is_a_conflict(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    charge, other = deduct(conn, user, 5), deduct(conn, user, 5)
    refund(conn, user, charge, p_idempotency_key="r-1")

    with refused_without_trace(
        conn, "PT409", "idempotency_conflict", key="r-1", field="p_transaction_id"
    ):
        refund(conn, user, other, p_idempotency_key="r-1")


@pytest.mark.parametrize("function", ["grant", "deduct", "revoke", "revoke in vain"])
def test_a_key_that_another_function_used_is_a_conflict(
    conn: psycopg.Connection[Any], function: str
) -> None:
    user = new_user()
    granted = grant(conn, user, 10, p_idempotency_key="k" if function == "grant" else None)
    charge = deduct(conn, user, 10, p_idempotency_key="k" if function == "deduct" else None)
    if function == "revoke":
        refund(conn, user, charge, 5)
    if function.startswith("revoke"):
        revoke(conn, user, granted, 5, p_idempotency_key="k")

    with refused_without_trace(conn, "PT409", "idempotency_conflict", key="k", field="function"):
        refund(conn, user, charge, 5, p_idempotency_key="k")


def test_the_charges_own_key_does_not_stand_for_its_refund(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    charge = deduct(conn, user, 4, p_idempotency_key="job-1")

    with refused_without_trace(
        conn, "PT409", "idempotency_conflict", key="job-1", field="function"
    ):
        refund(conn, user, charge, 4, p_idempotency_key="job-1")


def test_a_key_stays_free_when_its_call_was_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    charge = deduct(conn, user, 4)
    with refused_without_trace(conn, "PT409", "over_refund"):
        refund(conn, user, charge, 5, p_idempotency_key="r-1")

    assert not refund(conn, user, charge, 4, p_idempotency_key="r-1").replayed


def test_due_expiries_are_written_before_a_refund(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10, p_expires_at=NOON + HOUR)
    grant(conn, user, 20, p_priority=1)
    charge = deduct(conn, user, 4)
    late = advance(conn, HOUR)

    back = refund(conn, user, charge)

    assert back.balance == 20
    assert books(conn, user).ledger[-2:] == [("expiry", -10, 16), ("refund", 4, 20)]
    assert [row.created_at - late for row in entries(conn, user)[-2:]] == [
        timedelta(0),
        timedelta(microseconds=1),
    ]


def test_an_unknown_transaction_cannot_be_refunded(conn: psycopg.Connection[Any]) -> None:
    user, unknown = new_user(), new_user()
    grant(conn, user, 10)

    with refused_without_trace(conn, "PT404", "transaction_not_found", transaction_id=str(unknown)):
        refund(conn, user, unknown)


def test_a_charge_of_another_user_cannot_be_refunded(conn: psycopg.Connection[Any]) -> None:
    user, other = new_user(), new_user()
    grant(conn, user, 10)
    grant(conn, other, 10)
    charge = deduct(conn, other, 4)

    with refused_without_trace(conn, "PT404", "transaction_not_found"):
        refund(conn, user, charge)
    with refused_without_trace(conn, "PT404", "transaction_not_found"):
        refund(conn, new_user(), charge, p_idempotency_key="r-1")


@pytest.mark.parametrize("kind", ["grant", "refund", "expiry", "revocation"])
def test_only_a_deduction_can_be_refunded(conn: psycopg.Connection[Any], kind: str) -> None:
    user = new_user()
    set_clock(conn, NOON)
    granted = grant(conn, user, 10)
    refund(conn, user, deduct(conn, user, 4))
    revoke(conn, user, granted, 3)
    grant(conn, user, 10, p_expires_at=NOON + HOUR)
    advance(conn, HOUR)
    call(conn, "expire_user_credits")
    row = next(row for row in entries(conn, user) if row.transaction_type == kind)

    with refused_without_trace(conn, "PT409", "not_refundable"):
        refund(conn, user, row)
    with refused_without_trace(conn, "PT409", "not_refundable"):
        refund(conn, user, row, 1)


def test_a_refund_needs_a_user_and_a_transaction(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "refund_user_credits", None, new_user())
    with refused_argument(conn, "p_transaction_id", value=None):
        refund(conn, new_user(), None)


def test_an_amount_that_cannot_be_refunded_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    charge = deduct(conn, user, 10)

    each_refused(conn, "p_credits", BAD_CREDITS, lambda amount: refund(conn, user, charge, amount))


def test_a_key_that_is_empty_too_long_or_reserved_is_refused(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 10)
    charge = deduct(conn, user, 10)

    each_refused(
        conn,
        "p_idempotency_key",
        BAD_KEYS,
        lambda key: refund(conn, user, charge, p_idempotency_key=key),
    )


def test_a_reason_that_is_too_long_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    charge = deduct(conn, user, 10)

    with refused_argument(conn, "p_reason"):
        refund(conn, user, charge, p_reason="r" * 1_001)


def test_a_number_beyond_its_type_is_postgres_own_refusal(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 10)
    charge = deduct(conn, user, 10)

    with no_trace(conn), refused("42883"):
        refund(conn, user, charge, 2**63)


def test_refusals_come_in_their_order(conn: psycopg.Connection[Any]) -> None:
    user, unknown = new_user(), new_user()
    granted = grant(conn, user, 10, p_idempotency_key="k")

    # Arguments, the key, the target, what the target is.
    with refused_argument(conn, "p_credits"):
        refund(conn, user, unknown, 0, p_idempotency_key="k")
    with refused_without_trace(conn, "PT409", "idempotency_conflict"):
        refund(conn, user, unknown, 99, p_idempotency_key="k")
    with refused_without_trace(conn, "PT404", "transaction_not_found"):
        refund(conn, user, unknown, 99)
    with refused_without_trace(conn, "PT409", "not_refundable"):
        refund(conn, user, granted, 99)


def test_the_table_itself_holds_the_cap(conn: psycopg.Connection[Any]) -> None:
    """The last line, should a function ever be wrong."""
    user = new_user()
    grant(conn, user, 10)
    charge = deduct(conn, user, 4)
    refund(conn, user, charge)

    with no_trace(conn), refused("23514"):
        conn.execute("update credits.refund_totals set refunded = 5")


@pytest.mark.parametrize("task", [None, "t-1"], ids=["pending", "processing"])
@pytest.mark.parametrize("amount", [None, 1, 10])
def test_the_charge_of_a_generation_in_flight_is_not_refundable(
    conn: psycopg.Connection[Any], task: str | None, amount: int | None
) -> None:
    user, charge, generation_id = _generation(conn, task)

    with refused_without_trace(
        conn,
        "PT409",
        "not_refundable",
        generation_id=str(generation_id),
        status="processing" if task else "pending",
    ):
        refund(conn, user, charge, amount, p_idempotency_key="k")

    # The refused call left its key free.
    assert call(conn, "fail_generation", user, generation_id).refunded
    assert grant(conn, user, 1, p_idempotency_key="k").credits == 1


def test_a_finished_generation_may_be_refunded_out_of_goodwill(
    conn: psycopg.Connection[Any],
) -> None:
    user, charge, generation_id = _generation(conn, "t-1")
    call(conn, "complete_generation", user, generation_id)

    back = refund(conn, user, charge, 4, p_reason="it was blurred")
    rest = refund(conn, user, charge)

    assert (back.credits_refunded, rest.credits_refunded, rest.balance) == (4, 6, 100)
    row = entry(conn, user, back)
    assert (row.generation_id, row.refund_of) == (generation_id, charge)
    # A success stays one, whatever came back.
    state = call(conn, "get_generation", user, generation_id)
    assert (state.status, state.credits_refunded, state.refunded) == ("succeeded", 10, False)


def test_nothing_is_left_to_refund_where_the_failure_gave_all_back(
    conn: psycopg.Connection[Any],
) -> None:
    user, charge, generation_id = _generation(conn, "t-1")
    call(conn, "fail_generation", user, generation_id)

    with no_trace(conn):
        again = refund(conn, user, charge)
    assert (again.credits_refunded, again.replayed) == (10, True)
    with refused_without_trace(conn, "PT409", "over_refund", charged=10, refunded=10, requested=1):
        refund(conn, user, charge, 1)


def test_a_refund_by_hand_that_covers_what_is_owed_clears_it(
    conn: psycopg.Connection[Any],
) -> None:
    user, charge, generation_id = _generation(conn, "t-1")
    _owe(conn, user, generation_id)
    assert _owed(conn) == [(generation_id, 10)]

    refund(conn, user, charge, 4)
    # A part of it leaves the rest owed.
    assert _owed(conn) == [(generation_id, 6)]
    assert _alerts(conn, user) == [("refund_failed", True)]
    refund(conn, user, charge, 6)

    assert _owed(conn) == []
    assert _alerts(conn, user) == [("refund_failed", False)]
    state = call(conn, "get_generation", user, generation_id)
    assert (state.status, state.credits_refunded, state.refunded) == ("failed", 10, True)
    last = conn.execute(
        "select * from credits.generation_events order by event_no desc limit 1"
    ).fetchone()
    assert last is not None
    assert (last.event, last.applied, last.credits) == ("refund_paid", True, 6)
    with no_trace(conn):
        assert rows(conn, "retry_failed_refunds") == []
        assert rows(conn, "settle_owed_refunds", False) == []


def test_a_refund_by_hand_clears_what_a_policy_made_due_of_a_part(
    conn: psycopg.Connection[Any],
) -> None:
    user, charge, generation_id = _generation(conn, "t-1")
    conn.execute("update credits.refund_policies set refund_percent = 30")
    _owe(conn, user, generation_id)

    # More than was owed: goodwill on top.
    assert refund(conn, user, charge, 5).credits_refunded == 5

    assert (_owed(conn), _alerts(conn, user)) == ([], [("refund_failed", False)])
    assert refund(conn, user, charge).credits_refunded == 5


def test_a_refund_by_hand_that_raises_leaves_it_owed(conn: psycopg.Connection[Any]) -> None:
    user, charge, generation_id = _generation(conn, "t-1")
    _owe(conn, user, generation_id)
    conn.execute("alter table credits.refund_totals add constraint broken check (false) not valid")

    # Somebody waits for the answer: nothing is hidden from them.
    with refused_without_trace(conn, "23514"):
        refund(conn, user, charge)

    assert _owed(conn) == [(generation_id, 10)]


def _generation(conn: psycopg.Connection[Any], task: str | None) -> tuple[UUID, UUID, UUID]:
    """A new user of 100, who paid 10 of them for a generation: user, charge, generation."""
    user = new_user()
    grant(conn, user, 100)
    started = call(conn, "start_generation", user, "nanobanana", "image", 10)
    if task is not None:
        call(conn, "attach_provider_task", user, started.generation_id, task)
    return user, last_entry(conn, user).transaction_id, started.generation_id


def _owe(conn: psycopg.Connection[Any], user: UUID, generation_id: UUID) -> None:
    """The generation fails, and its refund raises."""
    conn.execute("alter table credits.refund_totals add constraint broken check (false) not valid")
    call(conn, "fail_generation", user, generation_id)
    conn.execute("alter table credits.refund_totals drop constraint broken")


def _owed(conn: psycopg.Connection[Any]) -> list[tuple[UUID, int]]:
    """The generations for which a refund is owed, and how much."""
    owed = rows(conn, "settle_owed_refunds")
    shown = conn.execute(
        "select generation_id, credits_owed from credits_monitoring.users_needing_refunds"
    ).fetchall()
    assert shown == [(line.generation_id, line.credits_owed) for line in owed]
    return shown


def _alerts(conn: psycopg.Connection[Any], user: UUID) -> list[tuple[str, bool]]:
    """The user's alerts: what it is, and whether it is open."""
    return conn.execute(
        "select type, resolved_at is null from credits.system_alerts where user_id = %s", (user,)
    ).fetchall()
