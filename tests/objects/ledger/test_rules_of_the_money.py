"""What holds for every function that moves credits, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import RFC_4122

import pytest

from support.api import call, new_user, refused, rows
from support.books import (
    NOON,
    balance,
    books,
    deduct,
    entries,
    grant,
    no_trace,
    refund,
    refused_without_trace,
    revoke,
    user_row,
)
from support.clock import set_clock
from support.state import everything

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    import psycopg

    from support.databases import Database

MICROSECOND = timedelta(microseconds=1)


def _move(conn: psycopg.Connection[Any], user: UUID) -> None:
    """A grant, two deductions, a refund that a revocation follows, a revocation."""
    granted = grant(conn, user, 10)
    charge = deduct(conn, user, 9)
    revoke(conn, user, granted, 5)
    refund(conn, user, charge)
    grant(conn, user, 3)
    deduct(conn, user, 1)


def _times(conn: psycopg.Connection[Any], user: UUID) -> list[datetime]:
    return [row.created_at for row in entries(conn, user)]


def test_time_rises_by_a_microsecond_where_the_clock_stands_still(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)

    _move(conn, user)

    assert [kind for kind, _, _ in books(conn, user).ledger] == [
        "grant",
        "deduction",
        "revocation",
        "refund",
        "revocation",
        "grant",
        "deduction",
    ]
    assert _times(conn, user) == [NOON + n * MICROSECOND for n in range(7)]


def test_time_rises_where_the_clock_goes_back(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10)
    set_clock(conn, NOON - timedelta(hours=1))

    _move(conn, user)
    set_clock(conn, NOON + timedelta(hours=1))
    deduct(conn, user, 1)

    *times, last = _times(conn, user)
    assert times == [NOON + n * MICROSECOND for n in range(len(times))]
    assert last == NOON + timedelta(hours=1)


def test_an_expiry_and_its_rollover_have_times_of_their_own(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    conn.execute("update credits.plans set rollover_max_credits = 3 where plan = 'free'")
    set_clock(conn, NOON)
    call(conn, "set_user_plan", user, "free")
    call(conn, "apply_allowances")
    later = set_clock(conn, NOON.replace(month=6))

    rows(conn, "apply_allowances")

    assert books(conn, user).ledger[1:] == [("expiry", -5, 0), ("grant", 3, 3), ("grant", 5, 8)]
    assert _times(conn, user)[1:] == [later + n * MICROSECOND for n in range(3)]


def test_expiry_is_judged_by_the_clock_and_not_by_the_times_of_the_rows(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    set_clock(conn, NOON)
    grant(conn, user, 10, p_expires_at=NOON + 2 * MICROSECOND)

    # The rows run ahead of the clock, past the expiry.
    for left in (9, 8, 7, 6, 5):
        assert deduct(conn, user, 1).balance == left
        assert balance(conn, user) == left

    set_clock(conn, NOON + 2 * MICROSECOND)
    assert balance(conn, user) == 0
    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=0):
        deduct(conn, user, 1)


def test_ids_sort_as_the_rows_do(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    # A millisecond ends among these rows.
    set_clock(conn, NOON - 3 * MICROSECOND)
    for _ in range(3):
        _move(conn, user)

    written = entries(conn, user)

    assert [row.seq for row in written] == list(range(1, len(written) + 1))
    assert written[0].created_at < NOON < written[-1].created_at
    by_id = "select * from credits.credit_transactions where user_id = %s order by transaction_id"
    assert conn.execute(by_id, (user,)).fetchall() == written


def test_ids_are_uuids_of_version_7_that_carry_the_microsecond(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for microsecond in (0, 1, 999, 1_000, 123_456, 999_999):
        at = set_clock(conn, NOON.replace(hour=13, microsecond=microsecond))
        transaction_id = grant(conn, user, 1).transaction_id

        assert (transaction_id.version, transaction_id.variant) == (7, RFC_4122)
        milliseconds, fraction = transaction_id.int >> 80, transaction_id.int >> 64 & 0xFFF
        since = (at - epoch) // MICROSECOND
        # RFC 9562, method 3: twelve bits for the part of a millisecond.
        assert (milliseconds, fraction) == (since // 1_000, since % 1_000 * 4_096 // 1_000)


def test_the_real_clock_goes_on_within_a_statement(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)

    began: Any = conn.execute(
        "select now() as at, count(*) from generate_series(1, 50) as n, lateral"
        " credits.deduct_user_credits(%s, 1, p_reason => n::text)",
        (user,),
    ).fetchone()

    times = _times(conn, user)[1:]
    assert len(times) == 50
    assert began.at < times[0]
    assert all(earlier < later for earlier, later in pairwise(times))
    # now() would have stood still, and the rows been a microsecond apart.
    assert times[-1] - times[0] > 49 * MICROSECOND


def test_a_callers_rollback_undoes_everything(database: Database) -> None:
    conn, caller = database.connect(), database.connect(autocommit=False)
    user, newcomer = new_user(), new_user()
    _move(conn, user)

    with no_trace(conn):
        _move(caller, user)
        _move(caller, newcomer)
        call(caller, "set_user_plan", user, "pro")
        call(caller, "set_low_balance_threshold", user, 5)
        call(caller, "freeze_user_credits", user, "chargeback")
        call(caller, "apply_allowances")
        call(caller, "redact_user", user)
        caller.rollback()

    assert not deduct(conn, user, 1).replayed


def test_calls_of_one_transaction_see_each_other_and_stand_once_committed(
    database: Database,
) -> None:
    conn, caller = database.connect(), database.connect(autocommit=False)
    user = new_user()

    grant(caller, user, 10)
    charge = deduct(caller, user, 4)
    assert refund(caller, user, charge, 1).balance == 7
    assert user_row(conn, user) is None
    caller.commit()

    assert balance(conn, user) == 7


def test_a_refused_call_undoes_only_itself(database: Database) -> None:
    caller = database.connect(autocommit=False)
    user = new_user()
    grant(caller, user, 10)
    before = everything(caller)

    with refused("PT402", "insufficient_credits"), caller.transaction():
        deduct(caller, user, 4)
        deduct(caller, user, 7)
    assert everything(caller) == before
    deduct(caller, user, 4)
    caller.commit()

    assert balance(database.connect(), user) == 6


@dataclass(frozen=True)
class Account:
    """A user with 8 credits, a charge to refund, a grant to revoke, and one that is spent."""

    user: UUID
    granted: Any
    charge: Any
    spent: Any

    @classmethod
    def open(cls, conn: psycopg.Connection[Any]) -> Account:
        user = new_user()
        granted = grant(conn, user, 10)
        charge = deduct(conn, user, 2)
        spent = grant(conn, user, 3, p_priority=1, p_reason="soon gone")
        deduct(conn, user, 3)
        return cls(user, granted, charge, spent)


WRITERS: list[Callable[[psycopg.Connection[Any], Account], Any]] = [
    lambda conn, a: grant(conn, a.user, 1),
    lambda conn, a: deduct(conn, a.user, 1),
    lambda conn, a: refund(conn, a.user, a.charge),
    lambda conn, a: revoke(conn, a.user, a.granted),
    lambda conn, a: revoke(conn, a.user, a.spent),
    lambda conn, a: call(conn, "set_user_plan", a.user, "pro"),
    lambda conn, a: call(conn, "set_low_balance_threshold", a.user, 5),
    lambda conn, a: call(conn, "freeze_user_credits", a.user, None),
    lambda conn, a: call(conn, "redact_user", a.user),
]
MOVERS: list[Callable[[psycopg.Connection[Any], Account], Any]] = [
    lambda conn, a: grant(conn, a.user, 1),
    lambda conn, a: deduct(conn, a.user, 1),
    lambda conn, a: refund(conn, a.user, a.charge),
    lambda conn, a: revoke(conn, a.user, a.granted),
]


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_session_that_looks_into_the_past_gets_40001_and_nothing_else(
    database: Database, isolation: str
) -> None:
    """Whatever another session wrote for the user since the transaction began."""
    conn, stale = database.connect(), database.connect()
    stale.execute(f"set default_transaction_isolation = '{isolation}'")

    for write in WRITERS:
        account = Account.open(conn)
        stale.execute("begin")
        assert balance(stale, account.user) == 8
        write(conn, account)

        for move in MOVERS:
            stale.execute("savepoint before_the_call")
            with refused("40001"):
                move(stale, account)
            stale.execute("rollback to before_the_call")
        stale.execute("commit")
