"""Unused allowance lives on for one more month, up to the plan's maximum."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, rows
from support.books import (
    NOON,
    Books,
    balance,
    books,
    deduct,
    entries,
    grant,
    legs,
    lots,
    refund,
    revoke,
    settle_for,
)
from support.clock import set_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    import psycopg

JUNE = datetime(2031, 6, 1, tzinfo=UTC)
JULY = datetime(2031, 7, 1, tzinfo=UTC)
AUGUST = datetime(2031, 8, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def _clock_stands_at_noon(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)


def roll_over_at_most(conn: psycopg.Connection[Any], plan: str, maximum: int) -> None:
    conn.execute(
        "update credits.plans set rollover_max_credits = %s where plan = %s", (maximum, plan)
    )


def subscriber(conn: psycopg.Connection[Any], plan: str = "plus", spent: int = 0) -> UUID:
    """A user with this month's allowance, some of it spent."""
    user = new_user()
    call(conn, "set_user_plan", user, plan)
    rows(conn, "apply_allowances")
    if spent:
        deduct(conn, user, spent)
    return user


def rolled(conn: psycopg.Connection[Any], user: UUID) -> list[tuple[int, datetime]]:
    """The user's rollover lots: how much, until when."""
    return [(lot.granted, lot.expires_at) for lot in lots(conn, user) if lot.source == "rollover"]


@pytest.mark.parametrize(
    ("maximum", "spent", "expected"),
    [
        (0, 0, []),
        (20, 0, [20]),
        (20, 29, [20]),
        (20, 30, [20]),
        (20, 31, [19]),
        (20, 49, [1]),
        (20, 50, []),
        (50, 0, [50]),
        (1000, 0, [50]),
    ],
)
def test_what_was_not_used_rolls_over_up_to_the_maximum(
    conn: psycopg.Connection[Any], maximum: int, spent: int, expected: list[int]
) -> None:
    roll_over_at_most(conn, "plus", maximum)
    user = subscriber(conn, spent=spent)
    set_clock(conn, JUNE)

    served = rows(conn, "expire_user_credits")

    assert served == ([(user, None, spent - 50, None)] if spent < 50 else [])
    assert rolled(conn, user) == [(unused, JULY) for unused in expected]
    assert balance(conn, user) == sum(expected)


def test_a_rollover_is_a_grant_from_the_allowance_that_it_continues(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn, spent=10)
    set_clock(conn, JUNE)
    rows(conn, "expire_user_credits")

    assert books(conn, user) == Books(
        balance=20,
        ledger=[
            ("grant", 50, 50),
            ("deduction", -10, 40),
            ("expiry", -40, 0),
            ("grant", 20, 20),
        ],
        lots=[("allowance", 50, 0), ("rollover", 20, 20)],
    )
    allowance, rollover = lots(conn, user)
    written = entries(conn, user)[-1]
    assert rollover.origin_lot_id == allowance.lot_id
    assert (rollover.priority, rollover.unit_price_usd) == (100, None)
    assert rollover.grant_transaction_id == written.transaction_id
    assert (written.source, written.requested_credits) == ("rollover", None)
    assert legs(written) == [(rollover.lot_id, 20)]
    assert written.created_at == JUNE + INSTANT


def test_a_rollover_lives_to_the_end_of_the_next_month_and_does_not_roll_again(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    set_clock(conn, JUNE)
    assert [row.credits for row in rows(conn, "apply_allowances")] == [50]
    assert balance(conn, user) == 70

    set_clock(conn, JULY - INSTANT)
    assert balance(conn, user) == 70
    set_clock(conn, JULY)
    assert balance(conn, user) == 0
    rows(conn, "expire_user_credits")

    # 20 and 50 expired; of the 50, and not of the 20, up to 20 go on.
    assert rolled(conn, user) == [(20, JULY), (20, AUGUST)]
    assert balance(conn, user) == 20
    set_clock(conn, AUGUST)
    rows(conn, "expire_user_credits")
    assert balance(conn, user) == 0
    assert len(rolled(conn, user)) == 2


def test_the_allowances_of_an_upgrade_roll_over_no_more_together(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "pro", 60)
    user = subscriber(conn, "plus")
    call(conn, "set_user_plan", user, "pro")
    rows(conn, "apply_allowances")
    assert balance(conn, user) == 200
    set_clock(conn, JUNE)

    rows(conn, "expire_user_credits")

    assert rolled(conn, user) == [(50, JULY), (10, JULY)]
    assert balance(conn, user) == 60


def test_the_rollover_of_the_month_before_does_not_count_against_the_next(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    for month in (JUNE, JULY, AUGUST):
        set_clock(conn, month)
        rows(conn, "apply_allowances")
        assert balance(conn, user) == 70


def test_the_plan_held_at_the_end_decides(conn: psycopg.Connection[Any]) -> None:
    roll_over_at_most(conn, "free", 3)
    roll_over_at_most(conn, "pro", 100)
    down, up, ended = (subscriber(conn, plan) for plan in ("pro", "free", "pro"))
    call(conn, "set_user_plan", down, "free")
    call(conn, "set_user_plan", up, "pro")
    call(conn, "set_user_plan", ended, None)
    set_clock(conn, JUNE)

    rows(conn, "expire_user_credits")

    assert [balance(conn, user) for user in (down, up, ended)] == [3, 5, 0]


def _expire(conn: psycopg.Connection[Any], user: UUID, charge: UUID, bought: UUID) -> None:
    rows(conn, "expire_user_credits")


def _apply(conn: psycopg.Connection[Any], user: UUID, charge: UUID, bought: UUID) -> None:
    rows(conn, "apply_allowances")


def _deduct(conn: psycopg.Connection[Any], user: UUID, charge: UUID, bought: UUID) -> None:
    deduct(conn, user, 15)


def _grant(conn: psycopg.Connection[Any], user: UUID, charge: UUID, bought: UUID) -> None:
    grant(conn, user, 1)


def _refund(conn: psycopg.Connection[Any], user: UUID, charge: UUID, bought: UUID) -> None:
    refund(conn, user, charge)


def _revoke(conn: psycopg.Connection[Any], user: UUID, charge: UUID, bought: UUID) -> None:
    revoke(conn, user, bought)


@pytest.mark.parametrize("move", [_expire, _apply, _deduct, _grant, _refund, _revoke])
def test_whoever_expires_the_allowance_writes_its_rollover(
    conn: psycopg.Connection[Any],
    move: Callable[[psycopg.Connection[Any], UUID, UUID, UUID], None],
) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    bought = grant(conn, user, 2, p_source="purchase", p_idempotency_key="pi_1").transaction_id
    charge = deduct(conn, user, 10).transaction_id
    before = len(entries(conn, user))
    set_clock(conn, JUNE)
    # It counts once it is written.
    assert balance(conn, user) == 2

    move(conn, user, charge, bought)

    written = [(e.transaction_type, e.source, e.credits) for e in entries(conn, user)[before:]]
    assert written[:2] == [("expiry", None, -40), ("grant", "rollover", 20)]
    assert rolled(conn, user) == [(20, JULY)]
    set_clock(conn, JUNE + timedelta(hours=1))
    assert rows(conn, "expire_user_credits") == []


def test_a_deduction_spends_what_it_rolled_over(conn: psycopg.Connection[Any]) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    set_clock(conn, JUNE)

    deducted = deduct(conn, user, 15)

    assert (deducted.credits, deducted.balance) == (-15, 5)
    assert books(conn, user).lots == [("allowance", 50, 0), ("rollover", 20, 5)]


def test_an_allowance_that_nobody_expired_in_time_still_rolls_over_for_the_rest_of_the_month(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    set_clock(conn, JULY - INSTANT)

    rows(conn, "expire_user_credits")

    assert rolled(conn, user) == [(20, JULY)]
    set_clock(conn, JULY)
    assert balance(conn, user) == 0


def test_an_allowance_that_nobody_expired_for_a_month_rolls_over_no_more(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    set_clock(conn, JULY)

    assert rows(conn, "expire_user_credits") == [(user, None, -50, None)]

    assert rolled(conn, user) == []
    assert balance(conn, user) == 0


def test_nothing_but_allowances_rolls_over(conn: psycopg.Connection[Any]) -> None:
    roll_over_at_most(conn, "plus", 1000)
    user = new_user()
    call(conn, "set_user_plan", user, "plus")
    for source in ("promo", "goodwill", "adjustment", "import", "referral", "allowance"):
        grant(conn, user, 10, p_source=source, p_expires_at=JUNE)
    grant(conn, user, 10, p_source="purchase", p_idempotency_key="pi_1", p_expires_at=JUNE)
    set_clock(conn, JUNE)

    assert rows(conn, "expire_user_credits") == [(user, None, -70, None)]

    # Also where an operator granted it: an allowance is an allowance.
    assert rolled(conn, user) == [(10, JULY)]


def test_a_rollover_can_be_revoked_with_its_allowance(conn: psycopg.Connection[Any]) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    allowance = entries(conn, user)[0].transaction_id
    set_clock(conn, JUNE)
    rows(conn, "expire_user_credits")

    revoked = revoke(conn, user, allowance)

    assert (revoked.credits, revoked.balance) == (-20, 0)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("America/Los_Angeles", datetime(2031, 7, 1, 7, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2031, 6, 30, 10, tzinfo=UTC)),
    ],
)
def test_a_changed_time_zone_does_not_cut_a_rollover_short(
    conn: psycopg.Connection[Any], zone: str, expected: datetime
) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    settle_for(conn, business_time_zone=zone)
    # Where the lot said that it would; in Los Angeles May has some hours to go.
    set_clock(conn, JUNE)

    rows(conn, "expire_user_credits")

    assert rolled(conn, user) == [(20, expected)]


def test_the_months_of_a_rollover_are_those_of_the_business_time_zone(
    conn: psycopg.Connection[Any],
) -> None:
    settle_for(conn, business_time_zone="America/Los_Angeles")
    roll_over_at_most(conn, "plus", 20)
    set_clock(conn, datetime(2031, 2, 10, tzinfo=UTC))
    user = subscriber(conn)
    conn.execute("set time zone 'Asia/Tokyo'")
    set_clock(conn, datetime(2031, 3, 1, 8, tzinfo=UTC))

    rows(conn, "expire_user_credits")

    # Daylight saving time begins in between.
    assert rolled(conn, user) == [(20, datetime(2031, 4, 1, 7, tzinfo=UTC))]
