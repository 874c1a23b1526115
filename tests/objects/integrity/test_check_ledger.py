from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from objects.integrity.tampering import live, tamper
from support.api import call, new_user, rows
from support.books import NOON, deduct, grant, no_trace, refused_argument
from support.clock import advance, set_clock
from support.races import Session, at_once

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import psycopg

    from support.databases import Database

HOUR = timedelta(hours=1)


def checks(conn: psycopg.Connection[Any]) -> dict[UUID, tuple[datetime, int]]:
    """What ledger_checks says of each user who has been verified."""
    return {
        row.user_id: (row.verified_at, row.violations)
        for row in conn.execute(
            "select c.user_id, c.verified_at, c.violations from credits.ledger_checks as c"
            " where c.verified_at is not null"
        ).fetchall()
    }


def test_users_are_verified_and_the_outcome_is_recorded(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    users = [new_user() for _ in range(3)]
    for user in users:
        grant(conn, user, 5)

    assert rows(conn, "check_ledger") == []

    assert checks(conn) == dict.fromkeys(users, (NOON, 0))


def test_an_empty_ledger_has_nothing_to_check(conn: psycopg.Connection[Any]) -> None:
    with no_trace(conn):
        assert rows(conn, "check_ledger") == []


def test_a_user_without_a_ledger_row_is_verified_too(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    call(conn, "set_user_plan", user, "free")

    assert rows(conn, "check_ledger") == []
    assert checks(conn).keys() == {user}


def test_those_unverified_longest_come_first(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    users = [new_user() for _ in range(3)]
    turns = []
    for user in users:
        grant(conn, user, 5)
        rows(conn, "check_ledger", 1)
        advance(conn, HOUR)
        turns.append(user)
    late = new_user()
    grant(conn, late, 5)

    for expected in (late, *users, late):
        at = advance(conn, HOUR)
        rows(conn, "check_ledger", 1)
        assert [user for user, (verified, _) in checks(conn).items() if verified == at] == [
            expected
        ]


def test_the_limit_is_kept(conn: psycopg.Connection[Any]) -> None:
    for _ in range(5):
        grant(conn, new_user(), 5)

    counts = []
    for _ in range(3):
        rows(conn, "check_ledger", p_limit=2)
        counts.append(len(checks(conn)))

    assert counts == [2, 4, 5]


@pytest.mark.parametrize("limit", [None, 0, -1])
def test_a_limit_that_makes_no_sense_is_refused(
    conn: psycopg.Connection[Any], limit: int | None
) -> None:
    grant(conn, new_user(), 5)

    with refused_argument(conn, "p_limit", value=None if limit is None else str(limit)):
        rows(conn, "check_ledger", p_limit=limit)


@pytest.mark.tampers
def test_violations_are_returned_and_counted(conn: psycopg.Connection[Any]) -> None:
    healthy, victim = live(conn, days_before=40), live(conn)
    tamper(
        conn,
        victim,
        "update credits.credit_transactions set cost_usd = 0"
        " where user_id = %(user)s and transaction_id = %(charge)s",
    )
    conn.execute("update credits.user_credits set last_seq = 99 where user_id = %s", (victim.user,))
    expected = rows(conn, "verify_ledger")
    assert {violation.kind for violation in expected} == {"entry_hash", "last_seq"}

    violations = rows(conn, "check_ledger")

    assert violations == expected
    assert {user: n for user, (_, n) in checks(conn).items()} == {
        healthy.user: 0,
        victim.user: len(expected),
    }


@pytest.mark.tampers
def test_a_mended_ledger_is_recorded_as_healthy(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    user = new_user()
    grant(conn, user, 5)
    conn.execute("update credits.user_credits set last_seq = 99")
    assert [violation.kind for violation in rows(conn, "check_ledger")] == ["last_seq"]
    assert checks(conn) == {user: (NOON, 1)}

    conn.execute("update credits.user_credits set last_seq = 1")
    set_clock(conn, NOON + HOUR)

    assert rows(conn, "check_ledger") == []
    assert checks(conn) == {user: (NOON + HOUR, 0)}


def test_it_waits_for_no_user_and_keeps_none_waiting(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = new_user()
    grant(conn, user, 5)

    with Session(database) as spender, Session(database) as checker:
        spender.run("begin")
        spender.run("select * from credits.deduct_user_credits(%s, 1)", (user,))
        checker.run("begin")
        checker.start("select * from credits.check_ledger()")
        assert not checker.is_blocked()
        assert checker.result() == []
        spender.start("select * from credits.deduct_user_credits(%s, 1)", (user,))
        assert not spender.is_blocked()
        spender.result()
        checker.run("commit")
        spender.run("commit")

    assert deduct(conn, user, 1).balance == 2


def test_checks_at_once_get_through(database: Database, conn: psycopg.Connection[Any]) -> None:
    users = [new_user() for _ in range(30)]
    for user in users:
        grant(conn, user, 5)

    for run in at_once(database, 6, lambda session, _: rows(session, "check_ledger")):
        assert run.get() == []

    assert {user: n for user, (_, n) in checks(conn).items()} == dict.fromkeys(users, 0)
