"""Many deductions of one user's credits at the same moment: never one too many, none too few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stress.races.fire import balance, code_of, detail_of, grant_due, ledger, volleys
from support.api import call, new_user
from support.races import errors, values

if TYPE_CHECKING:
    import random
    import uuid
    from collections.abc import Callable

    import psycopg

    from support.databases import Database
    from support.races import Outcome


def a_user_with(conn: psycopg.Connection[Any], lots: list[int], due: int = 0) -> uuid.UUID:
    user = new_user()
    if due:
        grant_due(conn, [user], due)
    for priority, amount in enumerate(lots):
        call(conn, "grant_user_credits", user, amount, p_priority=priority)
    return user


def deduct(
    user: uuid.UUID, cost: int, *, keyed: bool
) -> Callable[[psycopg.Connection[Any], int], Any]:
    def shot(conn: psycopg.Connection[Any], i: int) -> Any:
        key = f"call {i}" if keyed else None
        return call(conn, "deduct_user_credits", user, cost, p_idempotency_key=key)

    return shot


def assert_admitted(
    conn: psycopg.Connection[Any],
    user: uuid.UUID,
    start: int,
    cost: int,
    outcomes: list[Outcome[Any]],
) -> None:
    admitted = min(len(outcomes), start // cost)
    left = start - admitted * cost
    assert len(values(outcomes)) == admitted
    # Each saw the balance that its own deduction left: as if they had come one by one.
    assert sorted(row.balance for row in values(outcomes)) == [
        left + k * cost for k in range(admitted)
    ]
    for error in errors(outcomes):
        assert code_of(error) == "insufficient_credits"
        assert (detail_of(error)["balance"], detail_of(error)["required"]) == (left, cost)
    assert balance(conn, user) == left
    assert ledger(conn, user).count(("deduction", -cost)) == admitted


def test_sixteen_sessions_spend_what_there_is(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    users = [a_user_with(conn, lots) for lots in ([33], [10, 1, 7, 9], [4, 4, 4], [40], [2])]
    shots = [deduct(user, 3, keyed=i % 2 == 0) for i, user in enumerate(users)]

    for user, start, outcomes in zip(
        users, (33, 27, 12, 40, 2), volleys(database, 16, shots), strict=True
    ):
        assert_admitted(conn, user, start, 3, outcomes)


@pytest.mark.slow
def test_250_users_of_20_simultaneous_deductions_each(
    database: Database, conn: psycopg.Connection[Any], rng: random.Random
) -> None:
    cases = []
    for number in range(250):
        cost = rng.randint(1, 9)
        # Mostly too little for all twenty, sometimes enough, seldom too little for one.
        start = rng.randint(1, 22 * cost)
        cuts = sorted(rng.sample(range(1, start), min(start - 1, rng.randint(0, 3))))
        lots = [b - a for a, b in zip([0, *cuts], [*cuts, start], strict=True)]
        due = rng.choice([0, 0, 0, 50])
        cases.append((a_user_with(conn, lots, due), start, cost, number % 2 == 0))

    rounds = volleys(
        database, 20, [deduct(user, cost, keyed=keyed) for user, _, cost, keyed in cases]
    )

    for (user, start, cost, _), outcomes in zip(cases, rounds, strict=True):
        assert_admitted(conn, user, start, cost, outcomes)
