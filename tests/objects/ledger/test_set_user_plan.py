from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, rows
from support.books import (
    NOON,
    Books,
    balance,
    books,
    deduct,
    grant,
    refused_argument,
    refused_without_trace,
    settle_for,
    user_row,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg


def test_a_plan_is_kept_and_moves_no_credits(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    before = books(conn, user)
    set_clock(conn, NOON)

    shown = call(conn, "set_user_plan", user, "pro")

    assert shown == (user, 10, 0, None, "pro", None, False)
    assert call(conn, "get_user_credits", user) == shown
    assert books(conn, user) == before
    assert user_row(conn, user).updated_at == NOON


def test_a_user_nobody_has_heard_of_can_be_put_on_a_plan(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    settle_for(conn, default_low_balance_threshold=20)

    assert call(conn, "set_user_plan", user, "free") == (user, 0, 0, None, "free", 20, False)

    assert books(conn, user) == Books()


def test_null_ends_the_plan_and_what_it_brings(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    call(conn, "set_user_plan", user, "free")

    assert call(conn, "set_user_plan", user, None).plan is None

    assert rows(conn, "apply_allowances") == []
    assert books(conn, user) == Books()


@pytest.mark.parametrize("plan", ["enterprise", "", "FREE", "p" * 5_000])
def test_an_unknown_plan_is_refused(conn: psycopg.Connection[Any], plan: str) -> None:
    user = new_user()
    with refused_without_trace(conn, "PT404", "plan_not_found"):
        call(conn, "set_user_plan", user, plan)
    assert user_row(conn, user) is None

    call(conn, "set_user_plan", user, "free")
    with refused_without_trace(conn, "PT404", "plan_not_found"):
        call(conn, "set_user_plan", user, plan)


def test_plans_are_the_operators_own(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    conn.execute("insert into credits.plans (plan, monthly_credits) values ('studio', 1000)")
    set_clock(conn, NOON)

    assert call(conn, "set_user_plan", user, "studio").plan == "studio"

    call(conn, "apply_allowances")
    assert books(conn, user).ledger == [("grant", 1000, 1000)]


@pytest.mark.parametrize("spending", [0, 3], ids=["saving", "spending"])
def test_flipping_plans_mints_nothing(conn: psycopg.Connection[Any], spending: int) -> None:
    user = new_user()
    set_clock(conn, NOON)

    for plan in ["free", "plus", "free", "pro", None, "plus", "pro", "free", "pro", "pro"] * 3:
        call(conn, "set_user_plan", user, plan)
        rows(conn, "apply_allowances")
        if spending:
            deduct(conn, user, spending) if balance(conn, user) >= spending else None
        advance(conn, timedelta(minutes=1))

    grants = [row for row in books(conn, user).ledger if row[0] == "grant"]
    # Never more than the largest plan held in the month: 5, then 45 more, then 150 more.
    assert [amount for _, amount, _ in grants] == [5, 45, 150]


def test_a_downgrade_takes_nothing_back_and_counts_from_the_next_month(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    call(conn, "set_user_plan", user, "pro")
    rows(conn, "apply_allowances")

    assert call(conn, "set_user_plan", user, "free").balance == 200
    assert rows(conn, "apply_allowances") == []

    set_clock(conn, NOON.replace(month=6))
    rows(conn, "apply_allowances")
    assert books(conn, user).ledger == [("grant", 200, 200), ("expiry", -200, 0), ("grant", 5, 5)]


@pytest.mark.parametrize(
    ("held", "then", "rolled"), [("pro", "plus", 0), ("plus", "pro", 30), ("plus", None, 30)]
)
@pytest.mark.parametrize("sweep", ["before", "after"])
def test_a_change_of_plan_after_the_months_end_does_not_change_what_rolls_over(
    conn: psycopg.Connection[Any], held: str, then: str | None, rolled: int, sweep: str
) -> None:
    """Or else it would depend on how soon the sweep comes by, and flipping would mint credits."""
    user = new_user()
    conn.execute("update credits.plans set rollover_max_credits = 30 where plan = 'plus'")
    set_clock(conn, NOON)
    call(conn, "set_user_plan", user, held)
    rows(conn, "apply_allowances")
    set_clock(conn, NOON.replace(month=6))

    if sweep == "before":
        rows(conn, "expire_user_credits")
    call(conn, "set_user_plan", user, then)
    rows(conn, "expire_user_credits")

    assert balance(conn, user) == rolled


def test_purchased_credits_survive_every_change_of_plan(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 77, p_source="purchase", p_idempotency_key="pi_1")

    for month, (old, new) in enumerate(pairwise(["free", "pro", None, "plus", "free"]), start=5):
        set_clock(conn, NOON.replace(month=month))
        for plan in (old, new):
            call(conn, "set_user_plan", user, plan)
            rows(conn, "apply_allowances")
    call(conn, "set_user_plan", user, None)
    set_clock(conn, NOON.replace(year=2032))
    rows(conn, "expire_user_credits")

    assert balance(conn, user) == 77
    assert books(conn, user).lots[0] == ("purchase", 77, 77)


def test_a_plan_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "set_user_plan", None, "free")
