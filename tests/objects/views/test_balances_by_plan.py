from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from objects.views.small_histories import START, columns, shown
from support.api import call, new_user, rows
from support.books import balance, deduct, grant
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg


def subscriber(conn: psycopg.Connection[Any], plan: str | None) -> UUID:
    user = new_user()
    call(conn, "set_user_plan", user, plan)
    return user


def test_it_counts_users_and_what_they_could_spend(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, START)
    # plus: 30, 0 (spent), 0 (never had any), 5 (10 more have expired, swept or not)
    grant(conn, subscriber(conn, "plus"), 30)
    spent = subscriber(conn, "plus")
    grant(conn, spent, 8)
    deduct(conn, spent, 8)
    subscriber(conn, "plus")
    partly = subscriber(conn, "plus")
    grant(conn, partly, 10, p_expires_at=START + timedelta(days=1))
    grant(conn, partly, 5)
    # pro: one whose credits have all expired
    expired = subscriber(conn, "pro")
    grant(conn, expired, 10, p_expires_at=START + timedelta(days=1))
    # no plan: 3, of which 2 in two lots
    without = new_user()
    grant(conn, without, 1, p_expires_at=START + timedelta(days=36500))
    grant(conn, without, 2)
    real_clock(conn)

    expected = [("plus", 4, 2, 35), ("pro", 1, 0, 0), (None, 1, 1, 3)]
    assert shown(conn, "balances_by_plan", "plan nulls last") == expected
    assert sum(balance(conn, user) for user in (partly, expired, without)) == 8

    rows(conn, "expire_user_credits")
    assert shown(conn, "balances_by_plan", "plan nulls last") == expected


def test_a_frozen_users_credits_count_too(conn: psycopg.Connection[Any]) -> None:
    user = subscriber(conn, "plus")
    grant(conn, user, 30)
    call(conn, "freeze_user_credits", user, "under review")

    assert shown(conn, "balances_by_plan", "plan") == [("plus", 1, 1, 30)]


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert columns(conn, "balances_by_plan") == {
        "plan": "text",
        "users": "bigint",
        "users_with_credits": "bigint",
        "outstanding_credits": "bigint",
    }


def test_without_users_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert shown(conn, "balances_by_plan", "plan") == []
