from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ledger.books import (
    NOON,
    books,
    deduct,
    entries,
    grant,
    no_trace,
    refund,
    refused_argument,
    revocations,
    revoke,
    user_row,
)
from support.api import call, new_user, refused, rows, value
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

WORDS = "portrait of Ada Lovelace"


def _busy_user(conn: psycopg.Connection[Any]) -> Any:
    """A user about whom something was written in five ledger rows, two revocations, a freeze."""
    user = new_user()
    granted = grant(conn, user, 10, p_reason=WORDS, p_idempotency_key="g")
    charge = deduct(conn, user, 10, p_metadata={"prompt": WORDS}, p_idempotency_key="d")
    refund(conn, user, charge, 4, p_reason=WORDS)
    revoke(conn, user, granted, 4, p_reason=WORDS)
    revoke(conn, user, granted, 6, p_reason=WORDS)
    grant(conn, user, 10)
    deduct(conn, user, 1, p_reason=WORDS, p_metadata={"prompt": WORDS})
    call(conn, "freeze_user_credits", user, WORDS)
    return user


def _words(conn: psycopg.Connection[Any]) -> int:
    """How often the words still stand anywhere in the tables."""
    tables = ("user_credits", "credit_transactions", "revocations", "credit_lots")
    return sum(
        conn.execute(
            f"select count(*) as n from credits.{table} as t where t::text like %s",
            (f"%{WORDS}%",),
        )
        .fetchone()
        .n  # type: ignore[union-attr]
        for table in tables
    )


def test_what_was_written_about_a_user_is_blanked(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)
    assert _words(conn) == 8
    now = set_clock(conn, NOON)

    assert value(conn, "redact_user", user) == 5

    assert _words(conn) == 0
    assert {(row.reason, str(row.metadata)) for row in entries(conn, user)} == {(None, "{}")}
    # Rows about which there was nothing to hide are as they were.
    assert [row.redacted_at for row in entries(conn, user)] == [now, now, now, now, None, now]
    assert [record.reason for record in revocations(conn, user)] == [None, None]
    row = user_row(conn, user)
    assert (row.frozen_reason, row.updated_at) == (None, now)
    assert {
        (row.reason, str(row.metadata)) for row in rows(conn, "get_user_transactions", user)
    } == {(None, "{}")}


def test_amounts_times_keys_and_the_chain_stay(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)

    def lasting() -> Any:
        return (
            books(conn, user),
            call(conn, "get_user_credits", user),
            [
                row._replace(reason=None, metadata=None, redacted_at=None)
                for row in entries(conn, user)
            ],
            user_row(conn, user).ledger_head,
        )

    before = lasting()

    call(conn, "redact_user", user)

    assert lasting() == before
    assert rows(conn, "verify_ledger", user) == []


def test_a_frozen_user_stays_frozen(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)

    call(conn, "redact_user", user)

    with refused("PT403", "account_frozen", reason=None):
        deduct(conn, user, 1)


def test_a_repeat_is_still_known_after_redaction(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)
    call(conn, "redact_user", user)

    with no_trace(conn):
        assert grant(conn, user, 10, p_reason=WORDS, p_idempotency_key="g").replayed
        assert deduct(conn, user, 10, p_idempotency_key="d").replayed


def test_a_second_redaction_blanks_what_was_written_since(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)
    first = set_clock(conn, NOON)
    call(conn, "redact_user", user)
    call(conn, "unfreeze_user_credits", user)
    deduct(conn, user, 2, p_reason=WORDS)
    call(conn, "freeze_user_credits", user, WORDS)
    second = advance(conn, timedelta(days=1))

    assert value(conn, "redact_user", user) == 1

    assert _words(conn) == 0
    assert [row.redacted_at for row in entries(conn, user)] == [
        first, first, first, first, None, first, second,
    ]  # fmt: skip
    assert value(conn, "redact_user", user) == 0


def test_other_users_are_left_alone(conn: psycopg.Connection[Any]) -> None:
    user, other = _busy_user(conn), new_user()
    grant(conn, other, 10, p_reason=WORDS)

    call(conn, "redact_user", user)

    assert [row.reason for row in entries(conn, other)] == [WORDS]
    assert _words(conn) == 1


def test_a_user_goes_on_as_before(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)
    call(conn, "redact_user", user)
    call(conn, "unfreeze_user_credits", user)

    charge = deduct(conn, user, 3, p_reason="after")

    assert refund(conn, user, charge).balance == 9
    assert [row.reason for row in entries(conn, user)[-2:]] == ["after", None]


def test_there_is_nothing_about_an_unknown_user(conn: psycopg.Connection[Any]) -> None:
    with no_trace(conn):
        assert value(conn, "redact_user", new_user()) == 0


def test_it_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "redact_user", None)
