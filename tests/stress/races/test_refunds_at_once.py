"""One deduction, refunded by many at the same moment: it is paid once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from stress.races.fire import balance, detail_of, ledger, refusals, volleys
from support.api import call, new_user
from support.races import errors, values

if TYPE_CHECKING:
    import random
    import uuid
    from collections.abc import Callable

    import psycopg

    from support.databases import Database

SESSIONS = 16
ROUNDS = 25


def a_charge(conn: psycopg.Connection[Any], amount: int) -> tuple[uuid.UUID, uuid.UUID]:
    """A user with two lots and nothing left in them, and the deduction that took it."""
    user = new_user()
    call(conn, "grant_user_credits", user, amount - amount // 3)
    call(conn, "grant_user_credits", user, amount // 3, p_priority=1)
    return user, call(conn, "deduct_user_credits", user, amount).transaction_id


def refund(
    user: uuid.UUID,
    charge: uuid.UUID,
    amount: Callable[[int], int | None],
    key: Callable[[int], str | None],
) -> Callable[[psycopg.Connection[Any], int], Any]:
    def shot(conn: psycopg.Connection[Any], i: int) -> Any:
        return call(
            conn,
            "refund_user_credits",
            user,
            charge,
            p_credits=amount(i),
            p_idempotency_key=key(i),
        )

    return shot


KEYS: dict[str, Callable[[int], str | None]] = {
    "without keys": lambda _: None,
    "with a key each": lambda i: f"refund {i}",
    "with one key": lambda _: "refund",
    "some with a key": lambda i: f"refund {i}" if i % 2 else None,
}


@pytest.mark.slow
@pytest.mark.parametrize("keys", KEYS)
def test_all_that_is_left_is_paid_once(
    database: Database, conn: psycopg.Connection[Any], keys: str
) -> None:
    charges = [a_charge(conn, 9) for _ in range(ROUNDS)]

    rounds = volleys(
        database, SESSIONS, [refund(*charge, lambda _: None, KEYS[keys]) for charge in charges]
    )

    for (user, _), outcomes in zip(charges, rounds, strict=True):
        answers = [outcome.get() for outcome in outcomes]
        assert [a.replayed for a in answers].count(False) == 1
        assert len({a.transaction_id for a in answers}) == 1
        assert {(a.refunded, a.credits_refunded, a.balance) for a in answers} == {(True, 9, 9)}
        assert ledger(conn, user)[2:] == [("deduction", -9), ("refund", 9)]


@pytest.mark.slow
@pytest.mark.parametrize("keys", ["without keys", "with a key each"])
def test_the_whole_charge_by_amount_is_paid_once(
    database: Database, conn: psycopg.Connection[Any], keys: str
) -> None:
    charges = [a_charge(conn, 9) for _ in range(ROUNDS)]

    rounds = volleys(
        database, SESSIONS, [refund(*charge, lambda _: 9, KEYS[keys]) for charge in charges]
    )

    for (user, _), outcomes in zip(charges, rounds, strict=True):
        assert [row.replayed for row in values(outcomes)] == [False]
        assert refusals(outcomes) == Counter(over_refund=SESSIONS - 1)
        assert ledger(conn, user)[2:] == [("deduction", -9), ("refund", 9)]


@pytest.mark.slow
def test_partial_refunds_never_exceed_the_charge(
    database: Database, conn: psycopg.Connection[Any], rng: random.Random
) -> None:
    charges = [a_charge(conn, rng.randint(10, 60)) for _ in range(ROUNDS)]
    amounts = [[rng.randint(1, 12) for _ in range(SESSIONS)] for _ in charges]

    rounds = volleys(
        database,
        SESSIONS,
        [
            refund(*charge, amount.__getitem__, KEYS["some with a key"])
            for charge, amount in zip(charges, amounts, strict=True)
        ],
    )

    for (user, charge), asked, outcomes in zip(charges, amounts, rounds, strict=True):
        charged = -ledger(conn, user)[2][1]
        paid = sum(row.credits_refunded for row in values(outcomes))
        assert not any(row.replayed for row in values(outcomes))
        assert sorted(row.credits_refunded for row in values(outcomes)) == sorted(
            moved for kind, moved in ledger(conn, user) if kind == "refund"
        )
        assert paid <= charged
        # What was refused was truly too much: it still is.
        refused = [a for a, o in zip(asked, outcomes, strict=True) if o.error is not None]
        assert all(amount > charged - paid for amount in refused)
        assert refusals(outcomes) == +Counter(over_refund=len(refused))
        assert {detail_of(error)["charged"] for error in errors(outcomes)} <= {charged}
        assert balance(conn, user) == paid

        rest = call(conn, "refund_user_credits", user, charge)
        assert rest.credits_refunded == (charged - paid or charged)
        assert balance(conn, user) == charged


@pytest.mark.slow
def test_refunds_beside_the_revocation_of_the_grant(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    # Whoever comes first: in the end the grant is taken back, and nothing of it can be spent.
    cases = []
    for _ in range(ROUNDS):
        user = new_user()
        granted = call(conn, "grant_user_credits", user, 10).transaction_id
        charge = call(conn, "deduct_user_credits", user, 8).transaction_id
        cases.append((user, granted, charge))

    def shot(case: tuple[uuid.UUID, uuid.UUID, uuid.UUID]) -> Any:
        user, granted, charge = case

        def fire(conn: psycopg.Connection[Any], i: int) -> Any:
            if i % 4 == 0:
                return call(conn, "revoke_user_credits", user, granted)
            if i % 4 == 1:
                return call(conn, "refund_user_credits", user, charge)
            return call(conn, "refund_user_credits", user, charge, 1 + i % 3)

        return fire

    rounds = volleys(database, SESSIONS, [shot(case) for case in cases])

    for (user, granted, _), outcomes in zip(cases, rounds, strict=True):
        assert set(refusals(outcomes)) <= {"over_refund"}
        moved: Counter[str] = Counter()
        for kind, each in ledger(conn, user):
            moved[kind] += each
        assert moved == {"grant": 10, "deduction": -8, "refund": 8, "revocation": -10}
        assert balance(conn, user) == 0
        told = conn.execute(
            "select r.credits, r.recovered_credits, r.owed_credits from credits.revocations as r"
            " where r.user_id = %s and r.grant_transaction_id = %s",
            (user, granted),
        ).fetchall()
        assert told == [(10, 10, 0)]
