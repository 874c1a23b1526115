from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from objects.views.small_histories import START, columns
from support.api import refused, rows
from support.attempts import (
    cancel,
    complete,
    events,
    fail,
    generation,
    listed,
    refund,
    refunds,
    refunds_broken,
    set_policy,
    start,
)
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

HOUR = timedelta(hours=1)


def test_each_owed_refund_is_a_row(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, START)
    attempt = start(conn, 12, task="t-1")
    failed_at = set_clock(conn, START + HOUR)
    with refunds_broken(conn):
        fail(conn, attempt, "network_error", "connection reset by peer")

    before = datetime.now(START.tzinfo)
    (line,) = listed(conn)
    after = datetime.now(START.tzinfo)

    assert line.user_id == attempt.user
    assert line.generation_id == attempt.generation
    assert (line.provider, line.error_type) == ("nanobanana", "network_error")
    assert line.finished_at == failed_at
    assert (line.credits_due, line.credits_refunded, line.credits_owed) == (12, 0, 12)
    least, most = ((at - failed_at).total_seconds() for at in (before, after))
    # Clocks of the same machine, rounded to a second.
    assert least - 1 <= line.age_seconds <= most + 1
    # Why it could not be paid, not why the generation failed.
    assert line.last_error == events(conn, attempt)[-1].message
    assert "refund_totals_broken_on_purpose" in line.last_error


def test_it_is_owed_since_paying_it_raised_not_since_it_finished(
    conn: psycopg.Connection[Any],
) -> None:
    finished_at = set_clock(conn, START)
    attempt = start(conn, 10)
    complete(conn, attempt)
    owed_since = set_clock(conn, START + 1000 * HOUR)
    with refunds_broken(conn):
        complete(conn, attempt, 4)

    (line,) = listed(conn)

    assert line.finished_at == finished_at
    assert generation(conn, attempt).refund_owed_since == owed_since
    row = conn.execute(
        "select abs(extract(epoch from now() - %s) - %s) as off", (owed_since, line.age_seconds)
    ).fetchone()
    assert row is not None
    assert row.off <= 2
    assert (line.credits_due, line.credits_owed, line.error_type) == (6, 6, None)


def test_l17_whoever_was_refunded_is_not_listed(conn: psycopg.Connection[Any]) -> None:
    for error_type in ("network_error", "timeout", "unknown"):
        fail(conn, start(conn), error_type)
    cancel(conn, start(conn))
    complete(conn, start(conn), 3)

    assert listed(conn) == []


def test_l17_nor_is_one_who_was_refunded_later(conn: psycopg.Connection[Any]) -> None:
    retried, by_hand, settled, waiting = (start(conn) for _ in range(4))
    with refunds_broken(conn):
        for attempt in (retried, by_hand, settled, waiting):
            fail(conn, attempt)
    assert len(listed(conn)) == 4

    refund(conn, by_hand)
    assert {line.generation_id for line in listed(conn)} == {
        attempt.generation for attempt in (retried, settled, waiting)
    }
    rows(conn, "retry_failed_refunds", 1)
    assert len(listed(conn)) == 2
    rows(conn, "settle_owed_refunds", False)
    assert listed(conn) == []


def test_a_part_refunded_by_hand_leaves_the_rest(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)
    with refunds_broken(conn):
        fail(conn, attempt)
    refund(conn, attempt, 3)
    refund(conn, attempt, 1)

    (line,) = listed(conn)

    assert (line.credits_due, line.credits_refunded, line.credits_owed) == (10, 4, 6)


def test_what_came_back_by_hand_before_is_counted(conn: psycopg.Connection[Any]) -> None:
    set_policy(conn, "user_cancelled", 0)
    attempt = start(conn, 10, task="t-1")
    cancel(conn, attempt)
    refund(conn, attempt, 4)
    with refunds_broken(conn):
        fail(conn, attempt)

    (line,) = listed(conn)

    assert (line.credits_due, line.credits_refunded, line.credits_owed) == (10, 4, 6)


def test_part_of_the_price_is_owed_where_the_policy_says_so(
    conn: psycopg.Connection[Any],
) -> None:
    set_policy(conn, "invalid_image", 33)
    attempt = start(conn, 10)
    with refunds_broken(conn):
        fail(conn, attempt, "invalid_image")

    assert [(line.credits_due, line.credits_owed) for line in listed(conn)] == [(4, 4)]

    # What today's policy says is no matter.
    set_policy(conn, "invalid_image", 0)
    assert [line.credits_owed for line in listed(conn)] == [4]


def test_who_is_to_have_nothing_back_is_not_listed(conn: psycopg.Connection[Any]) -> None:
    set_policy(conn, "invalid_image", 0)
    with refunds_broken(conn):
        fail(conn, start(conn), "invalid_image")
        cancel(conn, start(conn, task="t-1"))
        complete(conn, start(conn))

    assert listed(conn) == []
    # Nor would they be if it were generous today.
    set_policy(conn, "invalid_image", 100)
    set_policy(conn, "user_cancelled", 100)
    assert listed(conn) == []


def test_nor_is_one_in_flight(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, START)
    start(conn)
    start(conn, task="t-1")
    start(conn, p_timeout=HOUR)

    assert listed(conn) == []


def test_nor_is_one_under_review(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    with refunds_broken(conn):
        fail(conn, attempt)

    conn.execute("update credits.generations set owed_review = true")

    assert listed(conn) == []
    conn.execute("update credits.generations set owed_review = false")
    assert len(listed(conn)) == 1


@pytest.mark.parametrize("rows_of_each", [1, 3])
def test_other_refunds_of_a_user_double_no_rows(
    conn: psycopg.Connection[Any], rows_of_each: int
) -> None:
    owed = start(conn, 10)
    for _ in range(rows_of_each):
        other = start(conn, 5, user=owed.user)
        fail(conn, other)
    with refunds_broken(conn):
        fail(conn, owed)
    for _ in range(rows_of_each):
        refund(conn, owed, 1)

    assert [line.credits_owed for line in listed(conn)] == [10 - rows_of_each]


def test_the_latest_error_is_shown(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    with refunds_broken(conn):
        fail(conn, attempt)
    conn.execute(
        "alter table credits.refund_totals add constraint another_one check (false) not valid"
    )
    rows(conn, "retry_failed_refunds")

    assert "another_one" in listed(conn)[0].last_error


def test_analysts_may_read_it_and_apps_may_not(database: Database) -> None:
    assert listed(database.connect(role="credits_analyst")) == []
    with refused("42501"):
        listed(database.connect(role="credits_app"))


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert columns(conn, "users_needing_refunds") == {
        "user_id": "uuid",
        "generation_id": "uuid",
        "provider": "text",
        "error_type": "text",
        "finished_at": "timestamp with time zone",
        "credits_due": "bigint",
        "credits_refunded": "bigint",
        "credits_owed": "bigint",
        "age_seconds": "bigint",
        "last_error": "text",
        "external_user_id": "text",
    }


@pytest.mark.tampers
def test_l17_not_even_one_that_is_wrongly_marked(conn: psycopg.Connection[Any]) -> None:
    """Paid, and still marked as owed: verify_ledger reports that; nobody is paid twice for it."""
    attempt = start(conn, 10)
    fail(conn, attempt)
    conn.execute("update credits.generations set refund_owed_since = finished_at")

    assert listed(conn) == []
    assert rows(conn, "settle_owed_refunds") == []
    assert [violation.kind for violation in rows(conn, "verify_ledger")] == ["refund_owed"]
    rows(conn, "retry_failed_refunds")
    assert refunds(conn, attempt) == [10]
    assert rows(conn, "verify_ledger") == []
