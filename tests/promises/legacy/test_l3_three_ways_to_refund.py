"""L3: trigger + function + callback each refund: 10 → 12 → 13; a second call pays twice."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from support.api import rows
from support.attempts import (
    Attempt,
    attach,
    callback,
    fail,
    refund,
    refunds,
    refunds_broken,
    start,
)
from support.books import Books, balance, books
from support.races import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from support.databases import Database


def _attempt(conn: psycopg.Connection[Any]) -> Attempt:
    """A generation of 2, which the provider has, of a user who had 12."""
    attempt = start(conn, 2, granted=12)
    attach(conn, attempt, f"task of {attempt.generation}")
    return attempt


def _retry(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
    return rows(conn, "retry_failed_refunds")


def _settle(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
    return rows(conn, "settle_owed_refunds", False)


def _call_back(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
    return callback(conn, f"task of {attempt.generation}", "501")


# Everything by which a failed generation of 2 can be paid back.
PAYERS: dict[str, Callable[[psycopg.Connection[Any], Attempt], Any]] = {
    "callback": _call_back,
    "application": fail,
    "by hand": refund,
    "retry": _retry,
    "settle": _settle,
}


@pytest.mark.parametrize(
    "order", list(itertools.permutations(("callback", "application", "by hand"))), ids="-".join
)
def test_l3_whoever_refunds_first_is_the_only_one(
    conn: psycopg.Connection[Any], order: tuple[str, ...]
) -> None:
    attempt = _attempt(conn)
    assert balance(conn, attempt.user) == 10
    # In flight nobody can refund it by hand; so it fails, once.
    fail(conn, attempt)

    for payer in order * 2:
        PAYERS[payer](conn, attempt)

    assert books(conn, attempt.user) == Books(
        balance=12,
        ledger=[("grant", 12, 12), ("deduction", -2, 10), ("refund", 2, 12)],
        lots=[("goodwill", 12, 12)],
    )


@pytest.mark.parametrize("first", PAYERS)
def test_l3_also_where_the_first_of_them_raised(conn: psycopg.Connection[Any], first: str) -> None:
    for order in itertools.permutations(PAYERS.keys() - {first}):
        attempt = _attempt(conn)
        with refunds_broken(conn):
            _call_back(conn, attempt)

        for payer in (first, *order):
            PAYERS[payer](conn, attempt)

        assert refunds(conn, attempt) == [2], order
        assert balance(conn, attempt.user) == 12


def test_l3_all_at_once_pay_once(database: Database, conn: psycopg.Connection[Any]) -> None:
    attempts = []
    for n in range(20):
        attempt = _attempt(conn)
        if n % 2:
            with refunds_broken(conn):
                fail(conn, attempt)
        attempts.append(attempt)
    payers = list(PAYERS.values())

    def pay(session: psycopg.Connection[Any], i: int) -> None:
        for attempt in attempts:
            try:
                payers[i](session, attempt)
            except session.Error as error:
                # By hand it is refused while it is in flight.
                assert error.sqlstate == "PT409"  # noqa: PT017

    for outcome in at_once(database, len(payers), pay):
        outcome.get()

    assert [refunds(conn, attempt) for attempt in attempts] == [[2]] * 20
    assert {balance(conn, attempt.user) for attempt in attempts} == {12}
