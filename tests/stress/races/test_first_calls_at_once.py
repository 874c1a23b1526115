"""A user of whom nobody has heard, and many first calls at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stress.races.fire import (
    ISOLATION_LEVELS,
    READ_COMMITTED,
    balance,
    isolated,
    ledger,
    refusals,
    volleys,
)
from support.api import call, new_user
from support.races import values

if TYPE_CHECKING:
    import uuid

    import psycopg

    from support.databases import Database

SESSIONS = 16
ROUNDS = 20

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("level", ISOLATION_LEVELS)
def test_every_first_grant_counts(
    database: Database, conn: psycopg.Connection[Any], level: str
) -> None:
    users = [new_user() for _ in range(ROUNDS)]

    def shot(user: uuid.UUID) -> Any:
        return lambda conn, i: call(conn, "grant_user_credits", user, i + 1)

    rounds = volleys(database, SESSIONS, [shot(user) for user in users], **isolated(level))

    for user, outcomes in zip(users, rounds, strict=True):
        granted = [row.credits for row in values(outcomes)]
        assert sorted(moved for _, moved in ledger(conn, user)) == sorted(granted)
        assert balance(conn, user) == sum(granted)
        if level == READ_COMMITTED:
            assert len(granted) == SESSIONS
        else:
            assert granted
            assert set(refusals(outcomes)) <= {"40001"}


def test_first_calls_of_every_kind(database: Database, conn: psycopg.Connection[Any]) -> None:
    users = [new_user() for _ in range(ROUNDS)]

    def shot(user: uuid.UUID) -> Any:
        def fire(conn: psycopg.Connection[Any], i: int) -> Any:
            name, argument = [
                ("grant_user_credits", 10),
                ("set_user_plan", "pro"),
                ("freeze_user_credits", "who is this?"),
                ("set_low_balance_threshold", 3),
            ][i % 4]
            return call(conn, name, user, argument)

        return fire

    rounds = volleys(database, SESSIONS, [shot(user) for user in users])

    for user, outcomes in zip(users, rounds, strict=True):
        assert not refusals(outcomes)
        now = call(conn, "get_user_credits", user)
        assert (now.balance, now.plan, now.frozen) == (40, "pro", True)
        assert now.low_balance_threshold == 3
        assert ledger(conn, user) == [("grant", 10)] * 4


def test_a_deduction_beside_the_first_grant(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    # Refused while there is nothing, served when there is: never half.
    users = [new_user() for _ in range(ROUNDS)]

    def shot(user: uuid.UUID) -> Any:
        def fire(conn: psycopg.Connection[Any], i: int) -> Any:
            if i == 0:
                return call(conn, "grant_user_credits", user, 10)
            return call(conn, "deduct_user_credits", user, 1)

        return fire

    rounds = volleys(database, SESSIONS, [shot(user) for user in users])

    for user, outcomes in zip(users, rounds, strict=True):
        admitted = sum(1 for row in values(outcomes) if row.credits == -1)
        assert set(refusals(outcomes)) <= {"insufficient_credits"}
        assert ledger(conn, user) == [("grant", 10)] + [("deduction", -1)] * admitted
        assert balance(conn, user) == 10 - admitted
