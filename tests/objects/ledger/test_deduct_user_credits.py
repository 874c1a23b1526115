from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, refused, rows
from support.books import (
    BAD_CREDITS,
    BAD_DOLLARS,
    BAD_KEYS,
    BAD_METADATA,
    LONGEST_METADATA,
    MOST_CREDITS,
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
    user_row,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg


def test_a_deduction_takes_from_the_lot_and_writes_a_ledger_row(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    granted = grant(conn, user, 100)
    later = advance(conn, timedelta(minutes=5))

    charge = deduct(
        conn,
        user,
        5,
        p_reason="portrait",
        p_idempotency_key="job-1",
        p_cost_usd=Decimal("0.039"),
        p_metadata={"model": "xl"},
    )

    assert charge[1:] == (user, -5, 95, False)
    assert books(conn, user) == Books(
        balance=95,
        ledger=[("grant", 100, 100), ("deduction", -5, 95)],
        lots=[("goodwill", 100, 95)],
    )
    row = entry(conn, user, charge)
    assert (row.seq, row.requested_credits, row.source) == (2, 5, None)
    assert (row.reason, row.idempotency_key) == ("portrait", "job-1")
    assert (row.cost_usd, row.metadata) == (Decimal("0.039"), {"model": "xl"})
    assert (row.refund_of, row.generation_id, row.created_at) == (None, None, later)
    assert legs(row) == [(lot_of(conn, user, granted).lot_id, -5)]
    assert user_row(conn, user).last_entry_at == later


def test_null_stands_for_each_default(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)

    deduct(conn, user, 5, p_reason=None, p_idempotency_key=None, p_cost_usd=None, p_metadata=None)

    row = last_entry(conn, user)
    assert (row.reason, row.idempotency_key, row.cost_usd, row.metadata) == (None, None, None, {})


def test_a_balance_can_be_spent_to_the_last_credit(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 5)

    assert [deduct(conn, user, amount).balance for amount in (3, 1, 1)] == [2, 1, 0]

    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=0, required=1):
        deduct(conn, user, 1)


def test_a_deduction_takes_all_or_nothing(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 2)
    grant(conn, user, 3)

    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=5, required=6):
        deduct(conn, user, 6)

    assert deduct(conn, user, 5).balance == 0


def test_a_user_nobody_has_heard_of_has_no_credits(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=0, required=1):
        deduct(conn, user, 1, p_idempotency_key="k")

    assert user_row(conn, user) is None


def test_a_user_who_was_never_granted_anything_has_no_credits(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    call(conn, "set_user_plan", user, "free")

    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=0, required=1):
        deduct(conn, user, 1)


def test_a_large_deduction_spans_lots_and_empties_them_in_order(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    first, second, third = (lot_of(conn, user, grant(conn, user, 5)).lot_id for _ in range(3))

    charge = deduct(conn, user, 12)

    assert charge.balance == 3
    assert legs(entry(conn, user, charge)) == [(first, -5), (second, -5), (third, -2)]
    assert [lot.remaining for lot in lots(conn, user)] == [0, 0, 3]
    # One ledger row, however many lots.
    assert len(entries(conn, user)) == 4


def _lots_in_the_order_in_which_they_must_burn(
    conn: psycopg.Connection[Any], user: Any
) -> list[Any]:
    """Nine lots of one credit, granted in another order, each with a reason to be where it is."""
    set_clock(conn, NOON)
    tomorrow, next_week = NOON + timedelta(days=1), NOON + timedelta(days=7)

    def lot(expires_at: Any, price: Any, priority: int = 100) -> Any:
        granted = grant(
            conn,
            user,
            1,
            p_expires_at=expires_at,
            p_unit_price_usd=price,
            p_priority=priority,
        )
        return lot_of(conn, user, granted).lot_id

    last_by_priority = lot(tomorrow, 0, priority=101)
    # An unknown price counts as paid, so that among these two the older goes first.
    never_unknown = lot(None, None)
    never_paid = lot(None, Decimal("0.01"))
    never_free = lot(None, 0)
    next_week_paid = lot(next_week, Decimal("0.01"))
    next_week_unknown = lot(next_week, None)
    next_week_free = lot(next_week, 0)
    tomorrow_paid = lot(tomorrow, 9)
    first_by_priority = lot(None, 9, priority=-5)
    return [
        first_by_priority,
        tomorrow_paid,
        next_week_free,
        next_week_paid,
        next_week_unknown,
        never_free,
        never_unknown,
        never_paid,
        last_by_priority,
    ]


def test_lots_burn_by_priority_then_expiry_then_free_before_paid_then_age(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    expected = _lots_in_the_order_in_which_they_must_burn(conn, user)

    burned = [legs(entry(conn, user, deduct(conn, user, 1))) for _ in expected]

    assert burned == [[(lot_id, -1)] for lot_id in expected]


def test_one_deduction_across_all_lots_burns_them_in_the_same_order(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    expected = _lots_in_the_order_in_which_they_must_burn(conn, user)

    deduct(conn, user, len(expected))

    assert legs(last_entry(conn, user)) == [(lot_id, -1) for lot_id in expected]


def test_a_lot_that_comes_first_is_used_as_soon_as_it_is_there(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    lasting = lot_of(conn, user, grant(conn, user, 10)).lot_id
    deduct(conn, user, 1)
    assert legs(last_entry(conn, user)) == [(lasting, -1)]

    urgent = lot_of(conn, user, grant(conn, user, 2, p_priority=1)).lot_id
    taken = [legs(entry(conn, user, deduct(conn, user, 1))) for _ in range(3)]

    assert taken == [[(urgent, -1)], [(urgent, -1)], [(lasting, -1)]]


def test_expired_credits_cannot_be_spent_though_nothing_has_swept_them(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 50, p_expires_at=NOON + timedelta(hours=1))
    grant(conn, user, 10)
    advance(conn, timedelta(hours=1))

    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=10, required=11):
        deduct(conn, user, 11)


def test_credits_can_be_spent_until_the_very_instant_of_their_expiry(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 50, p_expires_at=NOON + timedelta(microseconds=2))
    advance(conn, timedelta(microseconds=1))

    assert deduct(conn, user, 1).balance == 49

    advance(conn, timedelta(microseconds=1))
    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=0, required=1):
        deduct(conn, user, 1)


def test_due_expiries_are_written_before_a_deduction(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10, p_expires_at=NOON + timedelta(hours=2))
    grant(conn, user, 20, p_expires_at=NOON + timedelta(hours=1))
    grant(conn, user, 30)
    deduct(conn, user, 5)
    late = advance(conn, timedelta(hours=2))

    charge = deduct(conn, user, 7)

    assert charge.balance == 23
    assert books(conn, user) == Books(
        balance=23,
        ledger=[
            ("grant", 10, 10),
            ("grant", 20, 30),
            ("grant", 30, 60),
            ("deduction", -5, 55),
            # One row for both lots.
            ("expiry", -25, 30),
            ("deduction", -7, 23),
        ],
        lots=[("goodwill", 10, 0), ("goodwill", 20, 0), ("goodwill", 30, 23)],
    )
    expiry, deduction = entries(conn, user)[-2:]
    assert (expiry.created_at, deduction.created_at) == (late, late + timedelta(microseconds=1))
    assert user_row(conn, user).next_due_at is None


def test_a_deduction_that_meets_the_months_end_writes_the_rollover_and_may_spend_it(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    conn.execute("update credits.plans set rollover_max_credits = 30 where plan = 'plus'")
    set_clock(conn, NOON)
    call(conn, "set_user_plan", user, "plus")
    call(conn, "apply_allowances")
    deduct(conn, user, 10)
    set_clock(conn, NOON.replace(month=6))

    charge = deduct(conn, user, 4)

    assert charge.balance == 26
    assert books(conn, user) == Books(
        balance=26,
        ledger=[
            ("grant", 50, 50),
            ("deduction", -10, 40),
            ("expiry", -40, 0),
            ("grant", 30, 30),
            ("deduction", -4, 26),
        ],
        lots=[("allowance", 50, 0), ("rollover", 30, 26)],
    )


def test_a_frozen_user_cannot_spend(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    call(conn, "freeze_user_credits", user, "chargeback")

    with refused_without_trace(conn, "PT403", "account_frozen", reason="chargeback"):
        deduct(conn, user, 1)

    call(conn, "unfreeze_user_credits", user)
    assert deduct(conn, user, 1).balance == 9


def test_a_user_frozen_without_a_reason_cannot_spend(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    call(conn, "freeze_user_credits", user, None)

    with refused_without_trace(conn, "PT403", "account_frozen", reason=None):
        deduct(conn, user, 1)


@pytest.mark.parametrize("amount", [4, 10], ids=["part of a lot", "a whole lot"])
def test_a_repeat_takes_nothing_and_changes_nothing(
    conn: psycopg.Connection[Any], amount: int
) -> None:
    user = new_user()
    grant(conn, user, 10)
    grant(conn, user, 100)
    first = deduct(conn, user, amount, p_idempotency_key="k")

    with no_trace(conn):
        second = deduct(conn, user, amount, p_idempotency_key="k")

    assert second == first._replace(replayed=True)


def test_a_repeat_gives_the_stored_result_with_todays_balance(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10)
    first = deduct(conn, user, 4, p_idempotency_key="k")
    grant(conn, user, 100)
    grant(conn, user, 1_000, p_expires_at=NOON + timedelta(hours=1))
    advance(conn, timedelta(hours=1))

    with no_trace(conn):
        second = deduct(conn, user, 4, p_idempotency_key="k")

    # What has expired is no balance, though nothing has swept it.
    assert second == first._replace(balance=106, replayed=True)


def test_a_repeat_is_known_by_its_credits_alone(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    first = deduct(conn, user, 4, p_idempotency_key="k", p_reason="first")

    with no_trace(conn):
        second = deduct(
            conn,
            user,
            4,
            p_reason="second",
            p_idempotency_key="k",
            p_cost_usd=Decimal(1),
            p_metadata={"again": True},
        )

    assert second == first._replace(replayed=True)


def test_a_repeat_is_answered_when_the_credits_are_spent(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    first = deduct(conn, user, 10, p_idempotency_key="k")

    with no_trace(conn):
        second = deduct(conn, user, 10, p_idempotency_key="k")

    assert second == first._replace(replayed=True)


def test_a_repeat_is_answered_when_the_user_is_frozen(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    first = deduct(conn, user, 4, p_idempotency_key="k")
    call(conn, "freeze_user_credits", user, "chargeback")

    with no_trace(conn):
        second = deduct(conn, user, 4, p_idempotency_key="k")

    assert second == first._replace(replayed=True)


@pytest.mark.parametrize("amount", [3, 9], ids=["part of the lot", "the whole lot"])
def test_another_amount_under_the_key_is_a_conflict(
    conn: psycopg.Connection[Any], amount: int
) -> None:
    user = new_user()
    grant(conn, user, 13)
    deduct(conn, user, 4, p_idempotency_key="k")

    with refused_without_trace(conn, "PT409", "idempotency_conflict", key="k", field="p_credits"):
        deduct(conn, user, amount, p_idempotency_key="k")


@pytest.mark.parametrize("function", ["grant", "refund", "revoke", "revoke in vain"])
def test_a_key_that_another_function_used_is_a_conflict(
    conn: psycopg.Connection[Any], function: str
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    charge = deduct(conn, user, 10)
    grant(conn, user, 100, p_idempotency_key="k" if function == "grant" else None)
    if function == "refund":
        refund(conn, user, charge, 10, p_idempotency_key="k")
    if function == "revoke":
        refund(conn, user, charge, 10)
    if function.startswith("revoke"):
        revoke(conn, user, granted, 10, p_idempotency_key="k")

    with refused_without_trace(conn, "PT409", "idempotency_conflict", key="k", field="function"):
        deduct(conn, user, 10, p_idempotency_key="k")


def test_a_new_key_works_beside_a_revocation_that_got_nothing(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    deduct(conn, user, 10)
    revoke(conn, user, granted, p_idempotency_key="chargeback")
    grant(conn, user, 100)

    charge = deduct(conn, user, 5, p_idempotency_key="job-1")

    assert charge[1:] == (user, -5, 95, False)
    assert [row.idempotency_key for row in entries(conn, user)[-2:]] == [None, "job-1"]


def test_two_users_may_use_one_key(conn: psycopg.Connection[Any]) -> None:
    users = [new_user(), new_user()]
    for user in users:
        grant(conn, user, 10)

    charges = [deduct(conn, user, 4, p_idempotency_key="k") for user in users]

    assert [charge[1:] for charge in charges] == [(user, -4, 6, False) for user in users]


def test_a_key_stays_free_when_its_call_was_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 4)
    with refused_without_trace(conn, "PT402", "insufficient_credits"):
        deduct(conn, user, 5, p_idempotency_key="k")
    grant(conn, user, 10)

    charge = deduct(conn, user, 6, p_idempotency_key="k")

    assert charge[1:] == (user, -6, 8, False)


def test_calls_without_a_key_are_never_taken_for_repeats(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)

    assert [deduct(conn, user, 4).balance for _ in range(2)] == [6, 2]


def test_called_in_from_it_runs_once(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)

    rows(conn, "deduct_user_credits", user, 1)

    assert balance(conn, user) == 99


def test_expanded_in_the_select_list_it_runs_once_per_column(
    conn: psycopg.Connection[Any],
) -> None:
    """PostgreSQL's way with (f(...)).*, and why every function is to be called in FROM."""
    user = new_user()
    grant(conn, user, 100)

    row = conn.execute("select (credits.deduct_user_credits(%s, 1)).*", (user,)).fetchone()

    assert row is not None
    assert balance(conn, user) == 100 - len(row)


def test_a_cost_is_kept_to_the_millionth_of_a_dollar(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)

    for given, kept in (
        ("0", "0"),
        ("0.0000005", "0.000001"),
        ("0.1234564999", "0.123456"),
        ("999999999.999999", "999999999.999999"),
    ):
        deduct(conn, user, 1, p_cost_usd=Decimal(given))
        assert last_entry(conn, user).cost_usd == Decimal(kept)


def test_the_longest_texts_are_kept_whole(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, MOST_CREDITS)
    key, reason, metadata = "ключ" * 50, "€" * 1_000, LONGEST_METADATA

    deduct(conn, user, MOST_CREDITS, p_idempotency_key=key, p_reason=reason, p_metadata=metadata)

    row = last_entry(conn, user)
    assert (row.idempotency_key, row.reason, row.metadata) == (key, reason, metadata)


def test_a_deduction_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "deduct_user_credits", None, 5)


def test_an_amount_that_cannot_be_deducted_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)

    each_refused(conn, "p_credits", [None, *BAD_CREDITS], lambda amount: deduct(conn, user, amount))
    with refused_argument(conn, "p_credits", value="-5"):
        deduct(conn, user, -5)


def test_a_cost_that_is_no_amount_of_dollars_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)

    each_refused(
        conn, "p_cost_usd", BAD_DOLLARS, lambda cost: deduct(conn, user, 1, p_cost_usd=cost)
    )


def test_a_key_that_is_empty_too_long_or_reserved_is_refused(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 100)

    each_refused(
        conn,
        "p_idempotency_key",
        BAD_KEYS,
        lambda key: deduct(conn, user, 1, p_idempotency_key=key),
    )


def test_metadata_that_is_no_object_or_too_long_is_refused(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 100)
    query = "select * from credits.deduct_user_credits(%s, 1, p_metadata => %s::jsonb)"

    each_refused(
        conn, "p_metadata", BAD_METADATA, lambda metadata: conn.execute(query, (user, metadata))
    )


def test_a_reason_that_is_too_long_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)

    with refused_argument(conn, "p_reason"):
        deduct(conn, user, 1, p_reason="r" * 1_001)


def test_a_number_beyond_its_type_is_postgres_own_refusal(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 100)

    with no_trace(conn), refused("42883"):
        deduct(conn, user, 2**63)
    with no_trace(conn), refused("22003"):
        conn.execute("select * from credits.deduct_user_credits(%s, %s::bigint)", (user, 2**63))


def test_an_argument_that_can_never_be_right_is_refused_before_the_key_is_looked_up(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 10)
    deduct(conn, user, 1, p_idempotency_key="k")

    with refused_argument(conn, "p_cost_usd"):
        deduct(conn, user, 2, p_idempotency_key="k", p_cost_usd=Decimal(-1))


def test_a_conflict_is_judged_before_a_freeze_and_a_freeze_before_the_balance(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 10, p_idempotency_key="k")
    call(conn, "freeze_user_credits", user, "chargeback")

    with refused_without_trace(conn, "PT409", "idempotency_conflict"):
        deduct(conn, user, 11, p_idempotency_key="k")
    with refused_without_trace(conn, "PT403", "account_frozen"):
        deduct(conn, user, 11, p_idempotency_key="another")
