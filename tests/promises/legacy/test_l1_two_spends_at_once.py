"""L1: two spends at once on a balance of 5 leave -5: read, wait, write an absolute value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import new_user, refused
from support.books import Books, books, deduct, grant
from support.races import Session, at_once, errors, values

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

DEDUCT = "select * from credits.deduct_user_credits(%s, 5)"


def test_l1_of_two_spends_at_once_the_second_waits_and_is_refused(database: Database) -> None:
    conn = database.connect()
    user = new_user()
    grant(conn, user, 5)

    with Session(database) as first, Session(database) as second:
        first.run("begin")
        assert first.run(DEDUCT, (user,))[0].balance == 0
        second.start(DEDUCT, (user,))
        assert second.is_blocked(by=first)
        first.run("commit")
        with refused("PT402", "insufficient_credits", balance=0, required=5):
            second.result()

    assert books(conn, user) == Books(
        balance=0,
        ledger=[("grant", 5, 5), ("deduction", -5, 0)],
        lots=[("goodwill", 5, 0)],
    )


def test_l1_of_two_spends_at_once_one_is_admitted_every_time(database: Database) -> None:
    conn = database.connect()
    users = [new_user() for _ in range(20)]
    for user in users:
        grant(conn, user, 5)

    def spend(session: psycopg.Connection[Any], i: int) -> list[str | None]:
        """The SQLSTATE of each user's refusal, or None."""
        outcomes: list[str | None] = []
        for user in users:
            try:
                deduct(session, user, 5)
                outcomes.append(None)
            except session.Error as error:
                outcomes.append(error.sqlstate)
        return outcomes

    outcomes = at_once(database, 2, spend)

    assert not errors(outcomes)
    one, other = values(outcomes)
    assert {frozenset(pair) for pair in zip(one, other, strict=True)} == {
        frozenset({None, "PT402"})
    }
    assert {books(conn, user).balance for user in users} == {0}
