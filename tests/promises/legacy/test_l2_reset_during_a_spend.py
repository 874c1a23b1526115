"""L2: a monthly reset during a spend gives the spend back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import call, new_user, rows
from support.books import NOON, Books, books
from support.clock import set_clock
from support.races import Session

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

    from support.databases import Database

DEDUCT = "select * from credits.deduct_user_credits(%s, 3)"
RESET = "select * from credits.apply_allowances()"


def _user_on_a_plan(conn: psycopg.Connection[Any]) -> UUID:
    user = new_user()
    set_clock(conn, NOON)
    call(conn, "set_user_plan", user, "free")
    call(conn, "apply_allowances")
    return user


def test_l2_a_reset_leaves_a_user_who_is_spending_for_its_next_run(database: Database) -> None:
    conn = database.connect()
    user = _user_on_a_plan(conn)

    with Session(database) as spender:
        spender.run("begin")
        assert spender.run(DEDUCT, (user,))[0].balance == 2
        set_clock(conn, NOON.replace(month=6))
        # It neither waits nor looks past the lock.
        assert rows(conn, "apply_allowances") == []
        spender.run("commit")
    rows(conn, "apply_allowances")

    assert books(conn, user) == Books(
        balance=5,
        ledger=[("grant", 5, 5), ("deduction", -3, 2), ("expiry", -2, 0), ("grant", 5, 5)],
        lots=[("allowance", 5, 0), ("allowance", 5, 5)],
    )


def test_l2_a_spend_during_a_reset_is_taken_from_what_the_reset_leaves(
    database: Database,
) -> None:
    conn = database.connect()
    user = _user_on_a_plan(conn)
    set_clock(conn, NOON.replace(month=6))

    with Session(database) as reset, Session(database) as spender:
        reset.run("begin")
        assert [row.credits for row in reset.run(RESET)] == [5]
        spender.start(DEDUCT, (user,))
        assert spender.is_blocked(by=reset)
        reset.run("commit")
        assert spender.result()[0].balance == 2

    assert books(conn, user) == Books(
        balance=2,
        ledger=[("grant", 5, 5), ("expiry", -5, 0), ("grant", 5, 5), ("deduction", -3, 2)],
        lots=[("allowance", 5, 0), ("allowance", 5, 2)],
    )
