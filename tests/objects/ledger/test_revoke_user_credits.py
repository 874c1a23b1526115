from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, refused
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
    no_trace,
    refund,
    refused_argument,
    refused_without_trace,
    revocations,
    revoke,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def _amounts(conn: psycopg.Connection[Any], user: Any) -> list[tuple[int, int, int]]:
    """(credits, recovered, owed) of each revocation, the oldest first."""
    return [(r.credits, r.recovered_credits, r.owed_credits) for r in revocations(conn, user)]


def test_a_revocation_takes_a_grant_back(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    granted = grant(conn, user, 100, p_source="purchase", p_idempotency_key="pi_1")
    later = advance(conn, HOUR)

    taken = revoke(conn, user, granted, p_reason="chargeback", p_idempotency_key="dispute-1")

    assert taken[1:] == (user, -100, 0, False)
    assert books(conn, user) == Books(
        balance=0,
        ledger=[("grant", 100, 100), ("revocation", -100, 0)],
        lots=[("purchase", 100, 0)],
    )
    row = entry(conn, user, taken)
    assert (row.revocation_of, row.created_at) == (granted.transaction_id, later)
    assert (row.reason, row.idempotency_key) == ("chargeback", "dispute-1")
    assert (row.requested_credits, row.refund_of) == (None, None)
    lot = lot_of(conn, user, granted)
    assert legs(row) == [(lot.lot_id, -100)]
    (record,) = revocations(conn, user)
    assert (record.grant_transaction_id, record.lot_id) == (granted.transaction_id, lot.lot_id)
    assert (record.transaction_id, record.created_at) == (taken.transaction_id, later)
    assert (record.reason, record.idempotency_key) == ("chargeback", "dispute-1")
    assert _amounts(conn, user) == [(100, 100, 0)]
    assert lot.revoked_owed == 0


def test_partial_revocations_add_up_to_the_grant_and_not_above_it(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)

    assert revoke(conn, user, granted, 3)[2:] == (-3, 7, False)
    with refused_without_trace(conn, "PT409", "over_refund", charged=10, refunded=3, requested=8):
        revoke(conn, user, granted, 8)
    assert revoke(conn, user, granted)[2:] == (-7, 0, False)
    with refused_without_trace(conn, "PT409", "over_refund", charged=10, refunded=10, requested=1):
        revoke(conn, user, granted, 1)


def test_where_nothing_is_left_the_answer_is_the_earlier_one(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    first = revoke(conn, user, granted)

    with no_trace(conn):
        second = revoke(conn, user, granted)

    assert second == first._replace(replayed=True)


def test_other_grants_are_not_touched(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    granted = grant(conn, user, 10)
    deduct(conn, user, 95)

    taken = revoke(conn, user, granted)

    assert taken[2:] == (-10, 5, False)
    assert books(conn, user).lots == [("goodwill", 100, 5), ("goodwill", 10, 0)]
    assert _amounts(conn, user) == [(10, 10, 0)]


def test_what_was_spent_stays_owed(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    deduct(conn, user, 6)

    taken = revoke(conn, user, granted)

    assert taken[2:] == (-4, 0, False)
    assert _amounts(conn, user) == [(10, 4, 6)]
    assert lot_of(conn, user, granted).revoked_owed == 6


def test_a_later_refund_goes_to_the_revocation_in_the_same_call(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    charge = deduct(conn, user, 6)
    revoke(conn, user, granted)

    back = refund(conn, user, charge, 2)
    assert (back.credits_refunded, back.balance) == (2, 0)
    assert _amounts(conn, user) == [(10, 6, 4)]
    back = refund(conn, user, charge)
    assert (back.credits_refunded, back.balance) == (4, 0)
    assert _amounts(conn, user) == [(10, 10, 0)]

    assert books(conn, user) == Books(
        balance=0,
        ledger=[
            ("grant", 10, 10),
            ("deduction", -6, 4),
            ("revocation", -4, 0),
            ("refund", 2, 2),
            ("revocation", -2, 0),
            ("refund", 4, 4),
            ("revocation", -4, 0),
        ],
        lots=[("goodwill", 10, 0)],
    )
    assert lot_of(conn, user, granted).revoked_owed == 0
    assert {row.revocation_of for row in entries(conn, user)[4::2]} == {granted.transaction_id}


def test_no_more_of_a_refund_is_taken_than_is_owed(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    charge = deduct(conn, user, 10)
    revoke(conn, user, granted, 3)

    back = refund(conn, user, charge)

    assert (back.credits_refunded, back.balance) == (10, 7)
    assert books(conn, user).ledger[-2:] == [("refund", 10, 10), ("revocation", -3, 7)]
    assert _amounts(conn, user) == [(3, 3, 0)]
    # What is there now is the user's own.
    assert refund(conn, user, deduct(conn, user, 7)).balance == 7


def test_only_the_revoked_grants_share_of_a_refund_is_taken(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    stolen = grant(conn, user, 4, p_priority=1)
    grant(conn, user, 10)
    charge = deduct(conn, user, 9)
    revoke(conn, user, stolen)

    # The last taken is given back first, and that was not stolen.
    assert refund(conn, user, charge, 5).balance == 10
    assert refund(conn, user, charge).balance == 10

    assert books(conn, user).lots == [("goodwill", 4, 0), ("goodwill", 10, 10)]
    assert _amounts(conn, user) == [(4, 4, 0)]


def test_two_revocations_of_one_grant_share_what_comes_back(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    charge = deduct(conn, user, 10)
    revoke(conn, user, granted, 3)
    revoke(conn, user, granted, 4)

    assert refund(conn, user, charge, 5).balance == 0
    assert _amounts(conn, user) == [(3, 3, 0), (4, 2, 2)]
    assert refund(conn, user, charge).balance == 3
    assert _amounts(conn, user) == [(3, 3, 0), (4, 4, 0)]


def test_one_refund_serves_two_revoked_grants(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    first, second = grant(conn, user, 4), grant(conn, user, 6)
    charge = deduct(conn, user, 10)
    revoke(conn, user, first)
    revoke(conn, user, second)

    back = refund(conn, user, charge)

    assert (back.credits_refunded, back.balance) == (10, 0)
    assert sorted(books(conn, user).ledger[-2:]) == [("revocation", -6, 0), ("revocation", -4, 6)]
    assert _amounts(conn, user) == [(4, 4, 0), (6, 6, 0)]


def test_a_revocation_is_recorded_even_when_nothing_could_be_recovered(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    deduct(conn, user, 10)
    grant(conn, user, 7)

    taken = revoke(conn, user, granted, 8, p_reason="fraud", p_idempotency_key="dispute-1")

    assert taken == (None, user, 0, 7, False)
    assert books(conn, user).ledger[-1] == ("grant", 7, 7)
    (record,) = revocations(conn, user)
    assert (record.transaction_id, record.reason) == (None, "fraud")
    assert (record.requested_credits, record.idempotency_key) == (8, "dispute-1")
    assert _amounts(conn, user) == [(8, 0, 8)]
    assert lot_of(conn, user, granted).revoked_owed == 8


def test_a_repeat_is_found_where_nothing_could_be_recovered(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    charge = deduct(conn, user, 10)
    first = revoke(conn, user, granted, 8, p_idempotency_key="dispute-1")
    refund(conn, user, charge)

    with no_trace(conn):
        second = revoke(conn, user, granted, 8, p_idempotency_key="dispute-1")

    # What that call took, with today's balance.
    assert second == first._replace(balance=2, replayed=True)
    with refused_without_trace(
        conn, "PT409", "idempotency_conflict", key="dispute-1", field="p_credits"
    ):
        revoke(conn, user, granted, 2, p_idempotency_key="dispute-1")


def test_all_revoked_but_nothing_recovered_is_nothing_left(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    deduct(conn, user, 10)
    first = revoke(conn, user, granted)

    with no_trace(conn):
        second = revoke(conn, user, granted)

    assert second == first._replace(replayed=True)


def test_a_repeat_gives_the_stored_result_with_todays_balance(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    first = revoke(conn, user, granted, 3, p_idempotency_key="dispute-1")
    revoke(conn, user, granted)
    grant(conn, user, 50)

    with no_trace(conn):
        second = revoke(conn, user, granted, 3, p_idempotency_key="dispute-1", p_reason="once more")

    assert second == first._replace(balance=50, replayed=True)


@pytest.mark.parametrize(("first", "second"), [(10, None), (None, 10), (3, 4)])
def test_another_amount_under_the_key_is_a_conflict(
    conn: psycopg.Connection[Any], first: int | None, second: int | None
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    revoke(conn, user, granted, first, p_idempotency_key="k")

    with refused_without_trace(conn, "PT409", "idempotency_conflict", key="k", field="p_credits"):
        revoke(conn, user, granted, second, p_idempotency_key="k")


@pytest.mark.parametrize("spent", [0, 10], ids=["recovered", "in vain"])
def test_another_grant_under_the_key_is_a_conflict(
    conn: psycopg.Connection[Any], spent: int
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    if spent:
        deduct(conn, user, spent)
    other = grant(conn, user, 10)
    revoke(conn, user, granted, p_idempotency_key="k")

    with refused_without_trace(
        conn, "PT409", "idempotency_conflict", key="k", field="p_transaction_id"
    ):
        revoke(conn, user, other, p_idempotency_key="k")


@pytest.mark.parametrize("function", ["grant", "deduct", "refund"])
def test_a_key_that_another_function_used_is_a_conflict(
    conn: psycopg.Connection[Any], function: str
) -> None:
    user = new_user()
    granted = grant(conn, user, 10, p_idempotency_key="k" if function == "grant" else None)
    charge = deduct(conn, user, 10, p_idempotency_key="k" if function == "deduct" else None)
    refund(conn, user, charge, 10, p_idempotency_key="k" if function == "refund" else None)

    with refused_without_trace(conn, "PT409", "idempotency_conflict", key="k", field="function"):
        revoke(conn, user, granted, 10, p_idempotency_key="k")


def test_the_rollover_of_a_revoked_allowance_is_taken_too(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    allowance = _rolled_over(conn, user)
    deduct(conn, user, 5)

    taken = revoke(conn, user, allowance)

    assert taken[2:] == (-25, 0, False)
    assert books(conn, user).lots == [("allowance", 50, 0), ("rollover", 30, 0)]
    assert _amounts(conn, user) == [(50, 25, 25)]


def test_a_refund_into_the_rollover_of_a_revoked_allowance_is_taken(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    allowance = _rolled_over(conn, user)
    charge = deduct(conn, user, 5)
    revoke(conn, user, allowance)

    assert refund(conn, user, charge).balance == 0

    assert books(conn, user).ledger[-2:] == [("refund", 5, 5), ("revocation", -5, 0)]
    assert _amounts(conn, user) == [(50, 30, 20)]


def test_a_fresh_lot_two_steps_down_from_a_revoked_allowance_is_taken(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    allowance = _rolled_over(conn, user)
    charge = deduct(conn, user, 5)
    other = deduct(conn, user, 6)
    # The rollover is over as well.
    set_clock(conn, NOON.replace(month=7))
    fresh = lot_of(conn, user, refund(conn, user, charge))

    taken = revoke(conn, user, allowance)

    assert taken[2:] == (-5, 0, False)
    assert legs(entry(conn, user, taken)) == [(fresh.lot_id, -5)]
    # And what comes back later still, into a fresh lot that did not exist then.
    assert refund(conn, user, other).balance == 0
    assert _amounts(conn, user) == [(50, 11, 39)]


def _rolled_over(conn: psycopg.Connection[Any], user: Any) -> Any:
    """The grant of an allowance of 50 of which 30 live on in June."""
    conn.execute("update credits.plans set rollover_max_credits = 30 where plan = 'plus'")
    set_clock(conn, NOON)
    call(conn, "set_user_plan", user, "plus")
    call(conn, "apply_allowances")
    allowance = last_entry(conn, user)
    set_clock(conn, NOON.replace(month=6))
    call(conn, "expire_user_credits")
    assert balance(conn, user) == 30
    return allowance


def test_the_fresh_lot_of_an_earlier_refund_is_taken_too(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    granted = grant(conn, user, 10, p_expires_at=NOON + DAY)
    charge = deduct(conn, user, 6)
    advance(conn, DAY)
    fresh = lot_of(conn, user, refund(conn, user, charge, 4))

    taken = revoke(conn, user, granted)

    assert taken[2:] == (-4, 0, False)
    assert legs(entry(conn, user, taken)) == [(fresh.lot_id, -4)]
    assert refund(conn, user, charge).balance == 0
    assert books(conn, user).ledger[-2:] == [("refund", 2, 2), ("revocation", -2, 0)]
    assert _amounts(conn, user) == [(10, 6, 4)]


def test_a_grant_that_has_expired_has_nothing_to_recover(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    granted = grant(conn, user, 10, p_expires_at=NOON + HOUR)
    grant(conn, user, 5)
    advance(conn, HOUR)

    taken = revoke(conn, user, granted)

    # Its expiry was due and is written first: there is nothing left to revoke.
    assert taken == (None, user, 0, 5, False)
    assert books(conn, user).ledger[-1] == ("expiry", -10, 5)
    assert _amounts(conn, user) == [(10, 0, 10)]


def test_a_frozen_users_grant_can_be_revoked(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    call(conn, "freeze_user_credits", user, "chargeback")

    assert revoke(conn, user, granted).balance == 0


def test_an_unknown_or_foreign_transaction_cannot_be_revoked(
    conn: psycopg.Connection[Any],
) -> None:
    user, other, unknown = new_user(), new_user(), new_user()
    grant(conn, user, 10)
    granted = grant(conn, other, 10)

    with refused_without_trace(conn, "PT404", "transaction_not_found", transaction_id=str(unknown)):
        revoke(conn, user, unknown)
    with refused_without_trace(conn, "PT404", "transaction_not_found"):
        revoke(conn, user, granted)
    with refused_without_trace(conn, "PT404", "transaction_not_found"):
        revoke(conn, unknown, granted, p_idempotency_key="k")


@pytest.mark.parametrize("kind", ["deduction", "refund", "expiry", "revocation"])
def test_only_a_grant_can_be_revoked(conn: psycopg.Connection[Any], kind: str) -> None:
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
        revoke(conn, user, row)
    with refused_without_trace(conn, "PT409", "not_refundable"):
        revoke(conn, user, row, 1)


def test_a_revocation_needs_a_user_and_a_transaction(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "revoke_user_credits", None, new_user())
    with refused_argument(conn, "p_transaction_id", value=None):
        revoke(conn, new_user(), None)


def test_an_amount_that_cannot_be_revoked_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    granted = grant(conn, user, 10)

    each_refused(conn, "p_credits", BAD_CREDITS, lambda amount: revoke(conn, user, granted, amount))


def test_a_key_that_is_empty_too_long_or_reserved_is_refused(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)

    each_refused(
        conn,
        "p_idempotency_key",
        BAD_KEYS,
        lambda key: revoke(conn, user, granted, p_idempotency_key=key),
    )


def test_a_reason_that_is_too_long_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    granted = grant(conn, user, 10)

    with refused_argument(conn, "p_reason"):
        revoke(conn, user, granted, p_reason="r" * 1_001)


def test_a_number_beyond_its_type_is_postgres_own_refusal(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)

    with no_trace(conn), refused("42883"):
        revoke(conn, user, granted, 2**63)


def test_refusals_come_in_their_order(conn: psycopg.Connection[Any]) -> None:
    user, unknown = new_user(), new_user()
    grant(conn, user, 10)
    charge = deduct(conn, user, 5, p_idempotency_key="k")

    # Arguments, the key, the target, what the target is.
    with refused_argument(conn, "p_credits"):
        revoke(conn, user, unknown, 0, p_idempotency_key="k")
    with refused_without_trace(conn, "PT409", "idempotency_conflict"):
        revoke(conn, user, unknown, 99, p_idempotency_key="k")
    with refused_without_trace(conn, "PT404", "transaction_not_found"):
        revoke(conn, user, unknown, 99)
    with refused_without_trace(conn, "PT409", "not_refundable"):
        revoke(conn, user, charge, 99)
