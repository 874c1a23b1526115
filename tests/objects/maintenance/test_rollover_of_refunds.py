"""A failure costs nobody their rollover: credits that come back after their allowance has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
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
    entry,
    grant,
    legs,
    lot_of,
    lots,
    refund,
    revoke,
    settle_for,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

JUNE = datetime(2031, 6, 1, tzinfo=UTC)
JULY = datetime(2031, 7, 1, tzinfo=UTC)
AUGUST = datetime(2031, 8, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _clock_stands_half_a_day_before_june(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, JUNE - 12 * HOUR)


def roll_over_at_most(conn: psycopg.Connection[Any], plan: str, maximum: int) -> None:
    conn.execute(
        "update credits.plans set rollover_max_credits = %s where plan = %s", (maximum, plan)
    )


def subscriber(conn: psycopg.Connection[Any], plan: str = "plus") -> UUID:
    """A user with this month's allowance."""
    user = new_user()
    call(conn, "set_user_plan", user, plan)
    rows(conn, "apply_allowances")
    return user


def start(conn: psycopg.Connection[Any], user: UUID, price: int) -> Any:
    return call(
        conn, "start_generation", user, "acme", "image", price, p_timeout=timedelta(days=300)
    )


def fail(conn: psycopg.Connection[Any], generation: Any) -> Any:
    return call(
        conn,
        "fail_generation",
        generation.user_id,
        generation.generation_id,
        p_error_type="internal_error",
    )


def fresh(conn: psycopg.Connection[Any], user: UUID) -> list[tuple[str, int, datetime]]:
    """The lots that expiries and refunds have made: source, how much, until when."""
    return [
        (lot.source, lot.granted, lot.expires_at)
        for lot in lots(conn, user)
        if lot.source in ("rollover", "refund")
    ]


def test_a_failure_after_the_months_end_leaves_what_whoever_did_nothing_has(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 50)
    idle, busy = subscriber(conn), subscriber(conn)
    generation = start(conn, busy, 50)
    set_clock(conn, JUNE + MINUTE)
    rows(conn, "expire_user_credits")
    set_clock(conn, JUNE + 5 * MINUTE)

    failed = fail(conn, generation)

    assert (failed.credits_refunded, failed.balance) == (50, 50)
    assert fresh(conn, busy) == fresh(conn, idle) == [("rollover", 50, JULY)]
    for at in (JUNE + 2 * HOUR, JUNE + 2 * DAY, JULY - MINUTE):
        set_clock(conn, at)
        rows(conn, "expire_user_credits")
        assert (balance(conn, busy), balance(conn, idle)) == (50, 50)
    set_clock(conn, JULY)
    rows(conn, "expire_user_credits")
    assert (balance(conn, busy), balance(conn, idle)) == (0, 0)
    assert fresh(conn, busy) == fresh(conn, idle)


def test_explain_charge_shows_what_came_back_as_rollover_and_until_when(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    generation = start(conn, user, 50)
    now = set_clock(conn, JUNE + 5 * MINUTE)
    fail(conn, generation)

    told = call(conn, "explain_charge", user, generation.generation_id).explain_charge

    (back,) = told["refunds"]
    assert [(lot["source"], lot["credits"], lot["expires_at"]) for lot in back["lots"]] == [
        ("rollover", 20, JULY.strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
        ("refund", 30, (now + DAY).strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
    ]


def test_what_comes_back_as_rollover_is_the_refunds_lot_and_continues_its_allowance(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = new_user()
    call(conn, "set_user_plan", user, "plus")
    granted = grant(
        conn,
        user,
        50,
        p_source="allowance",
        p_expires_at=JUNE,
        p_priority=7,
        p_unit_price_usd=Decimal("0.25"),
    )
    charge = deduct(conn, user, 45)
    now = set_clock(conn, JUNE + DAY)

    back = refund(conn, user, charge)

    # The 5 that nobody spent have rolled over first.
    assert books(conn, user) == Books(
        balance=50,
        ledger=[
            ("grant", 50, 50),
            ("deduction", -45, 5),
            ("expiry", -5, 0),
            ("grant", 5, 5),
            ("refund", 45, 50),
        ],
        lots=[("allowance", 50, 0), ("rollover", 5, 5), ("rollover", 15, 15), ("refund", 30, 30)],
    )
    allowance = lot_of(conn, user, granted)
    made = [lot for lot in lots(conn, user) if lot.grant_transaction_id == back.transaction_id]
    assert legs(entry(conn, user, back)) == [(lot.lot_id, lot.granted) for lot in made]
    assert [lot.expires_at for lot in made] == [JULY, now + DAY]
    for lot in made:
        assert lot.origin_lot_id == allowance.lot_id
        assert (lot.priority, lot.unit_price_usd) == (7, Decimal("0.25"))
        assert lot.renewable_until == JULY


def test_the_maximum_is_shared_with_what_a_sweep_has_rolled_over(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 35)
    user = subscriber(conn)
    generation = start(conn, user, 30)
    set_clock(conn, JUNE)
    rows(conn, "expire_user_credits")
    now = set_clock(conn, JUNE + HOUR)

    fail(conn, generation)

    assert fresh(conn, user) == [
        ("rollover", 20, JULY),
        ("rollover", 15, JULY),
        ("refund", 15, now + DAY),
    ]


def test_the_maximum_is_shared_by_partial_refunds(conn: psycopg.Connection[Any]) -> None:
    roll_over_at_most(conn, "plus", 35)
    user = subscriber(conn)
    charge = deduct(conn, user, 50)
    set_clock(conn, JUNE)

    for part in (10, 20, 15):
        refund(conn, user, charge, part)
    now = advance(conn, 2 * DAY)
    refund(conn, user, charge)

    assert fresh(conn, user) == [
        ("rollover", 10, JULY),
        ("rollover", 20, JULY),
        ("rollover", 5, JULY),
        ("refund", 10, JUNE + DAY),
        ("refund", 5, now + DAY),
    ]


def test_the_maximum_is_shared_by_two_failures(conn: psycopg.Connection[Any]) -> None:
    roll_over_at_most(conn, "plus", 35)
    user = subscriber(conn)
    generations = [start(conn, user, 25) for _ in range(2)]
    set_clock(conn, JUNE)
    fail(conn, generations[0])
    now = advance(conn, HOUR)

    fail(conn, generations[1])

    assert fresh(conn, user) == [
        ("rollover", 25, JULY),
        ("rollover", 10, JULY),
        ("refund", 15, now + DAY),
    ]


def test_the_maximum_is_shared_by_the_allowances_of_an_upgrade(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "pro", 160)
    user = subscriber(conn, "plus")
    call(conn, "set_user_plan", user, "pro")
    rows(conn, "apply_allowances")
    generation = start(conn, user, 200)
    set_clock(conn, JUNE)

    failed = fail(conn, generation)

    assert failed.balance == 200
    assert fresh(conn, user) == [
        ("rollover", 150, JULY),
        ("rollover", 10, JULY),
        ("refund", 40, JUNE + DAY),
    ]


def test_a_month_does_not_share_its_maximum_with_the_next(conn: psycopg.Connection[Any]) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    charges = [deduct(conn, user, 50)]
    set_clock(conn, JUNE)
    rows(conn, "apply_allowances")
    charges.append(deduct(conn, user, 50))
    refund(conn, user, charges[0])
    set_clock(conn, JULY)

    refund(conn, user, charges[1])

    rolled = [lot for lot in fresh(conn, user) if lot[0] == "rollover"]
    assert rolled == [("rollover", 20, JULY), ("rollover", 20, AUGUST)]


def test_what_a_refund_has_rolled_over_is_not_rolled_over_again(
    conn: psycopg.Connection[Any],
) -> None:
    """A lot expires after the refund, late: an operator's allowance in the same month."""
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    charge = deduct(conn, user, 50)
    grant(conn, user, 50, p_source="allowance", p_expires_at=JUNE + MINUTE)
    set_clock(conn, JUNE)
    refund(conn, user, charge)
    set_clock(conn, JUNE + HOUR)

    rows(conn, "expire_user_credits")

    assert [lot for lot in fresh(conn, user) if lot[0] == "rollover"] == [("rollover", 20, JULY)]


def test_a_failure_in_the_month_after_the_next_gives_24_hours(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 50)
    user = subscriber(conn)
    generation = start(conn, user, 50)
    now = set_clock(conn, JULY + 4 * DAY)

    fail(conn, generation)

    assert fresh(conn, user) == [("refund", 50, now + DAY)]
    assert lots(conn, user)[-1].renewable_until == now + DAY


def test_no_refund_lives_shorter_for_being_rolled_over(conn: psycopg.Connection[Any]) -> None:
    roll_over_at_most(conn, "plus", 50)
    set_clock(conn, NOON)
    user = subscriber(conn)
    # They still had 15 days and a half, of which the grace period leaves 7.
    early, late = start(conn, user, 30), start(conn, user, 20)
    set_clock(conn, JULY - 8 * DAY)
    fail(conn, early)
    now = set_clock(conn, JULY - HOUR)

    fail(conn, late)

    assert fresh(conn, user) == [("rollover", 30, JULY), ("refund", 20, now + 7 * DAY)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([None], 50),
        (["free"], 50),
        (["pro"], 50),
        (["pro", None], 50),
        ([None, "pro", "plus"], 50),
        (["plus"], 50),
    ],
)
def test_the_plan_that_was_held_at_the_months_end_decides(
    conn: psycopg.Connection[Any], changes: list[str | None], expected: int
) -> None:
    for name, maximum in (("free", 1), ("plus", 50), ("pro", 1000)):
        roll_over_at_most(conn, name, maximum)
    # Before, too, the plan has changed.
    user = subscriber(conn, "free")
    call(conn, "set_user_plan", user, "plus")
    rows(conn, "apply_allowances")
    grant(conn, user, 10, p_source="allowance", p_expires_at=JUNE)
    generation = start(conn, user, 60)
    for n, plan in enumerate(changes):
        set_clock(conn, JUNE + n * DAY)
        call(conn, "set_user_plan", user, plan)
    set_clock(conn, JUNE + 5 * DAY)

    fail(conn, generation)

    assert sum(lot[1] for lot in fresh(conn, user) if lot[0] == "rollover") == expected


def test_an_end_of_the_plan_before_the_months_end_rolls_nothing_over(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 50)
    user = subscriber(conn)
    generation = start(conn, user, 50)
    call(conn, "set_user_plan", user, None)
    now = set_clock(conn, JUNE)

    fail(conn, generation)

    assert fresh(conn, user) == [("refund", 50, now + DAY)]


def test_a_plan_that_was_removed_rolls_nothing_over(conn: psycopg.Connection[Any]) -> None:
    conn.execute("insert into credits.plans values ('trial', 10, 10)")
    user = subscriber(conn, "trial")
    generation = start(conn, user, 10)
    now = set_clock(conn, JUNE)
    call(conn, "set_user_plan", user, "plus")
    conn.execute("delete from credits.plans where plan = 'trial'")

    fail(conn, generation)

    assert fresh(conn, user) == [("refund", 10, now + DAY)]


def test_a_rollover_that_has_ended_comes_back_for_24_hours_once(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 50)
    user = subscriber(conn)
    set_clock(conn, JUNE)
    rows(conn, "expire_user_credits")
    set_clock(conn, JULY - HOUR)
    generation = start(conn, user, 50)
    now = set_clock(conn, JULY + HOUR)
    assert fail(conn, generation).balance == 50
    rollover, last = lots(conn, user)[-2:]
    assert (last.source, last.expires_at, last.renewable_until) == ("refund", now + DAY, now + DAY)
    assert last.origin_lot_id == rollover.lot_id

    generation = start(conn, user, 50)
    set_clock(conn, now + DAY)

    assert fail(conn, generation).balance == 0


def test_what_came_back_as_rollover_ends_when_the_rollover_does(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 50)
    user = subscriber(conn)
    generation = start(conn, user, 50)
    set_clock(conn, JUNE)
    fail(conn, generation)
    set_clock(conn, JULY - MINUTE)
    generation = start(conn, user, 50)
    set_clock(conn, JULY)

    failed = fail(conn, generation)

    assert (failed.credits_refunded, failed.balance) == (50, 0)
    assert fresh(conn, user)[-1] == ("refund", 50, JULY)


def test_what_came_back_can_be_revoked_with_its_allowance(conn: psycopg.Connection[Any]) -> None:
    roll_over_at_most(conn, "plus", 20)
    user = subscriber(conn)
    allowance = entries(conn, user)[0].transaction_id
    charge = deduct(conn, user, 30)
    assert revoke(conn, user, allowance).balance == 0
    set_clock(conn, JUNE)

    # What the revocation is still owed, it takes of what comes back.
    assert refund(conn, user, charge, 5).balance == 0
    other = subscriber(conn)
    spent = deduct(conn, other, 50)
    set_clock(conn, JULY)
    assert refund(conn, other, spent).balance == 50
    granted = entries(conn, other)[0].transaction_id
    assert revoke(conn, other, granted).balance == 0


@pytest.mark.parametrize("maximum", [0, 2, 5])
def test_cancelling_every_night_hoards_nothing(conn: psycopg.Connection[Any], maximum: int) -> None:
    """All that there is, in a generation over each midnight, for three months and a half."""
    roll_over_at_most(conn, "free", maximum)
    now = set_clock(conn, NOON)
    user = subscriber(conn, "free")
    in_the_middle = []
    for _ in range(105):
        now = set_clock(conn, now.replace(hour=23, minute=59))
        generation = start(conn, user, balance(conn, user))
        now = set_clock(conn, now + 2 * MINUTE)
        rows(conn, "expire_user_credits")
        rows(conn, "apply_allowances")
        call(conn, "cancel_generation", user, generation.generation_id)
        # This month's allowance, and the month before's, which ends with this month.
        assert 5 <= balance(conn, user) <= 10
        if now.day == 16:
            in_the_middle.append(balance(conn, user))

    assert in_the_middle == [10, 10, 10]
    # Once it stops, what a rollover does not hold is gone within a day.
    set_clock(conn, now + DAY)
    assert balance(conn, user) == 5 + maximum


def test_the_months_of_the_business_time_zone_count(conn: psycopg.Connection[Any]) -> None:
    settle_for(conn, business_time_zone="America/Los_Angeles")
    conn.execute("set time zone 'Asia/Tokyo'")
    roll_over_at_most(conn, "plus", 50)
    user = subscriber(conn)
    generation = start(conn, user, 50)
    set_clock(conn, JUNE + 7 * HOUR)

    fail(conn, generation)

    assert fresh(conn, user) == [("rollover", 50, JULY + 7 * HOUR)]


def test_a_month_rolls_over_by_the_plan_held_at_its_end_also_after_the_clock_was_put_back(
    conn: psycopg.Connection[Any],
) -> None:
    roll_over_at_most(conn, "plus", 50)
    user = subscriber(conn)
    generation = start(conn, user, 17)
    set_clock(conn, JUNE)
    call(conn, "set_user_plan", user, None)
    assert fresh(conn, user) == [("rollover", 33, JULY)]

    # The refund goes into the allowance, which lives once more.
    set_clock(conn, JUNE - HOUR)
    fail(conn, generation)
    set_clock(conn, JUNE)
    rows(conn, "expire_user_credits")

    assert balance(conn, user) == 50
    assert fresh(conn, user) == [("rollover", 33, JULY), ("rollover", 17, JULY)]
