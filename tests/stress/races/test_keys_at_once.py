"""One idempotency key, used by many at the same moment: one effect, and one answer for all."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from stress.races.fire import (
    READ_COMMITTED,
    REPEATABLE_READ,
    SERIALIZABLE,
    attempt,
    balance,
    code_of,
    detail_of,
    isolated,
    ledger,
    refusals,
    volleys,
)
from support.api import call, new_user
from support.races import errors, values

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    import psycopg

    from support.databases import Database

SESSIONS = 16
ROUNDS = 20


def a_user(conn: psycopg.Connection[Any], *lots: int) -> uuid.UUID:
    user = new_user()
    for each in lots:
        call(conn, "grant_user_credits", user, each)
    return user


def to_grant(conn: psycopg.Connection[Any]) -> tuple[uuid.UUID, tuple[Any, ...]]:
    return a_user(conn, 5), (7,)


def to_grant_the_first_time(conn: psycopg.Connection[Any]) -> tuple[uuid.UUID, tuple[Any, ...]]:
    return new_user(), (7,)


def to_deduct(conn: psycopg.Connection[Any]) -> tuple[uuid.UUID, tuple[Any, ...]]:
    return a_user(conn, 100), (7,)


def to_deduct_from_several_lots(
    conn: psycopg.Connection[Any],
) -> tuple[uuid.UUID, tuple[Any, ...]]:
    return a_user(conn, 5, 5, 5), (7,)


def to_deduct_all_there_is(conn: psycopg.Connection[Any]) -> tuple[uuid.UUID, tuple[Any, ...]]:
    return a_user(conn, 7), (7,)


def to_refund(conn: psycopg.Connection[Any]) -> tuple[uuid.UUID, tuple[Any, ...]]:
    user = a_user(conn, 20)
    return user, (call(conn, "deduct_user_credits", user, 14).transaction_id, 7)


def to_revoke(conn: psycopg.Connection[Any]) -> tuple[uuid.UUID, tuple[Any, ...]]:
    user = new_user()
    return user, (call(conn, "grant_user_credits", user, 14).transaction_id, 7)


def to_revoke_what_is_spent(conn: psycopg.Connection[Any]) -> tuple[uuid.UUID, tuple[Any, ...]]:
    user = new_user()
    granted = call(conn, "grant_user_credits", user, 14).transaction_id
    call(conn, "deduct_user_credits", user, 14)
    return user, (granted, 7)


CALLS: list[tuple[str, Callable[..., tuple[uuid.UUID, tuple[Any, ...]]], int]] = [
    ("grant", to_grant, 7),
    ("grant", to_grant_the_first_time, 7),
    ("deduct", to_deduct, -7),
    ("deduct", to_deduct_from_several_lots, -7),
    ("deduct", to_deduct_all_there_is, -7),
    ("refund", to_refund, 7),
    ("revoke", to_revoke, -7),
    ("revoke", to_revoke_what_is_spent, 0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "prepare", "moved"), CALLS)
def test_a_key_has_one_effect_and_one_answer(
    database: Database,
    conn: psycopg.Connection[Any],
    verb: str,
    prepare: Callable[..., tuple[uuid.UUID, tuple[Any, ...]]],
    moved: int,
) -> None:
    cases = [prepare(conn) for _ in range(ROUNDS)]
    before = [balance(conn, user) for user, _ in cases]

    def shot(user: uuid.UUID, arguments: tuple[Any, ...]) -> Any:
        return lambda conn, _: call(
            conn, f"{verb}_user_credits", user, *arguments, p_idempotency_key="one"
        )

    rounds = volleys(database, SESSIONS, [shot(*case) for case in cases])

    for (user, _), start, outcomes in zip(cases, before, rounds, strict=True):
        answers = [outcome.get() for outcome in outcomes]
        assert [a.replayed for a in answers].count(False) == 1
        assert len({a.transaction_id for a in answers}) == 1
        told = {a.credits_refunded if verb == "refund" else a.credits for a in answers}
        assert told == {moved}
        assert {a.balance for a in answers} == {start + moved}
        assert balance(conn, user) == start + moved
        rows = conn.execute(
            "select"
            " (select count(*) from credits.credit_transactions as t"
            "   where t.user_id = %(user)s and t.idempotency_key = 'one') as entries,"
            " (select count(*) from credits.revocations as r"
            "   where r.user_id = %(user)s and r.idempotency_key = 'one') as revocations",
            {"user": user},
        ).fetchone()
        assert rows == (1 if moved else 0, 1 if verb == "revoke" else 0)


@pytest.mark.slow
@pytest.mark.parametrize("level", [READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE])
def test_retries_of_a_stale_session_find_the_first(
    database: Database, conn: psycopg.Connection[Any], level: str
) -> None:
    users = [a_user(conn, 100) for _ in range(ROUNDS)]

    def shot(user: uuid.UUID) -> Any:
        def fire(conn: psycopg.Connection[Any], _: int) -> tuple[Any, int]:
            deduct = partial(call, conn, "deduct_user_credits", user, 7, p_idempotency_key="one")
            for refused in range(SESSIONS):
                outcome = attempt(deduct)
                if outcome.error is None:
                    return outcome.get(), refused
                assert code_of(outcome.error) == "40001"
            raise AssertionError("somebody must get through each time, so this cannot be")

        return fire

    rounds = volleys(database, SESSIONS, [shot(user) for user in users], **isolated(level))

    refused = 0
    for user, outcomes in zip(users, rounds, strict=True):
        answers = [outcome.get()[0] for outcome in outcomes]
        refused += sum(outcome.get()[1] for outcome in outcomes)
        assert [a.replayed for a in answers].count(False) == 1
        assert len({a.transaction_id for a in answers}) == 1
        assert ledger(conn, user) == [("grant", 100), ("deduction", -7)]
    assert (refused > 0) == (level != READ_COMMITTED)


@pytest.mark.slow
def test_different_amounts_under_one_key(database: Database, conn: psycopg.Connection[Any]) -> None:
    users = [a_user(conn, 100) for _ in range(ROUNDS)]

    def shot(user: uuid.UUID) -> Any:
        return lambda conn, i: call(
            conn, "deduct_user_credits", user, 5 + i % 2, p_idempotency_key="one"
        )

    for user, outcomes in zip(
        users, volleys(database, SESSIONS, [shot(user) for user in users]), strict=True
    ):
        assert [row.replayed for row in values(outcomes)].count(False) == 1
        assert len({(row.transaction_id, row.credits) for row in values(outcomes)}) == 1
        assert refusals(outcomes) == Counter(idempotency_conflict=SESSIONS // 2)
        assert {detail_of(error)["field"] for error in errors(outcomes)} == {"p_credits"}
        assert len(ledger(conn, user)) == 2


@pytest.mark.slow
def test_different_functions_under_one_key(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    cases = []
    for _ in range(ROUNDS):
        user = new_user()
        granted = call(conn, "grant_user_credits", user, 100).transaction_id
        charge = call(conn, "deduct_user_credits", user, 100).transaction_id
        call(conn, "grant_user_credits", user, 50)
        cases.append((user, granted, charge))

    def shot(case: tuple[uuid.UUID, uuid.UUID, uuid.UUID]) -> Any:
        user, granted, charge = case

        def fire(conn: psycopg.Connection[Any], i: int) -> Any:
            name, arguments = [
                ("grant_user_credits", (9,)),
                ("deduct_user_credits", (9,)),
                ("refund_user_credits", (charge, 9)),
                ("revoke_user_credits", (granted, 9)),
            ][i % 4]
            return call(conn, name, user, *arguments, p_idempotency_key="one")

        return fire

    winners: Counter[int] = Counter()
    for case, outcomes in zip(
        cases, volleys(database, SESSIONS, [shot(case) for case in cases]), strict=True
    ):
        won = {i % 4 for i, outcome in enumerate(outcomes) if outcome.error is None}
        assert len(won) == 1
        winners.update(won)
        assert len(values(outcomes)) == SESSIONS // 4
        assert [row.replayed for row in values(outcomes)].count(False) == 1
        assert refusals(outcomes) == Counter(idempotency_conflict=SESSIONS * 3 // 4)
        assert {detail_of(error)["field"] for error in errors(outcomes)} == {"function"}
        assert len(ledger(conn, case[0])) == 3 + (0 if won == {3} else 1)


@pytest.mark.slow
def test_one_payment_is_granted_once_by_many_webhooks(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    users = [new_user() for _ in range(ROUNDS)]

    def shot(user: uuid.UUID) -> Any:
        return lambda conn, _: call(
            conn,
            "grant_user_credits",
            user,
            500,
            p_source="purchase",
            p_idempotency_key=f"payment of {user}",
        )

    for user, outcomes in zip(
        users, volleys(database, SESSIONS, [shot(user) for user in users]), strict=True
    ):
        assert [outcome.get().replayed for outcome in outcomes].count(False) == 1
        assert ledger(conn, user) == [("grant", 500)]
