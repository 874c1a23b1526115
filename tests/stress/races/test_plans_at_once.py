"""Allowances are granted once a month, whoever runs the sweep and however plans are flipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stress.races.fire import ledger
from support.api import call, new_user, rows
from support.races import at_once

if TYPE_CHECKING:
    import uuid

    import psycopg

    from support.databases import Database

SESSIONS = 8

pytestmark = pytest.mark.slow


def users_on(conn: psycopg.Connection[Any], plan: str, n: int) -> list[uuid.UUID]:
    users = [new_user() for _ in range(n)]
    for user in users:
        call(conn, "set_user_plan", user, plan)
    return users


def allowances(conn: psycopg.Connection[Any], user: uuid.UUID) -> list[int]:
    return [moved for _, moved in ledger(conn, user)]


def apply_all(conn: psycopg.Connection[Any], limit: int) -> int:
    granted = 0
    while batch := rows(conn, "apply_allowances", p_limit=limit):
        assert [row.error for row in batch if row.error is not None] == []
        granted += sum(row.credits for row in batch)
    return granted


@pytest.mark.parametrize("limit", [3, 1000])
def test_sweeps_at_once_grant_each_allowance_once(
    database: Database, conn: psycopg.Connection[Any], limit: int
) -> None:
    users = users_on(conn, "plus", 100)

    outcomes = at_once(database, SESSIONS, lambda conn, _: apply_all(conn, limit))
    late = apply_all(conn, limit)

    assert sum(outcome.get() for outcome in outcomes) + late == 100 * 50
    assert [allowances(conn, user) for user in users] == [[50]] * 100


def test_flipping_plans_beside_the_sweeps_mints_nothing(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    users = users_on(conn, "free", 10)
    plans = ["plus", "pro", None, "free", "pro", "plus"]

    def work(conn: psycopg.Connection[Any], i: int) -> int:
        if i % 2:
            return sum(apply_all(conn, 1 + i) for _ in range(20))
        for plan in plans * 4:
            for user in users:
                call(conn, "set_user_plan", user, plan)
        return 0

    outcomes = at_once(database, SESSIONS, work)
    granted = sum(outcome.get() for outcome in outcomes)

    # In the end everybody is on pro, and whatever came before: together it is what pro brings.
    for user in users:
        call(conn, "set_user_plan", user, "pro")
    granted += apply_all(conn, 100)
    assert granted == 10 * 200
    for user in users:
        assert sum(allowances(conn, user)) == 200
        assert len(allowances(conn, user)) <= 3


def test_deductions_beside_the_allowance_lose_nothing(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    users = users_on(conn, "plus", 25)
    for user in users:
        call(conn, "grant_user_credits", user, 100)

    def work(conn: psycopg.Connection[Any], i: int) -> int:
        if i < 2:
            return apply_all(conn, 4)
        for user in users:
            call(conn, "deduct_user_credits", user, 2)
        return 0

    for outcome in at_once(database, SESSIONS, work):
        outcome.get()
    apply_all(conn, 100)

    for user in users:
        assert call(conn, "get_user_credits", user).balance == 100 + 50 - 2 * (SESSIONS - 2)
