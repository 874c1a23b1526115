"""What holds for every sweep is in tests/promises/test_sweeps_over_generations.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promises.generation_sweeps import SECOND, owed
from support.api import refused, rows
from support.attempts import (
    Attempt,
    break_refunds,
    fail,
    generation,
    listed,
    mend_refunds,
    open_alerts,
    refund,
    refunds,
    refunds_broken,
    start,
    state,
    story,
)
from support.books import NOON, no_trace, refused_argument
from support.clock import set_clock
from support.races import Session

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database


def put_under_review(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    conn.execute(
        "update credits.generations set owed_review = true where generation_id = %s",
        (attempt.generation,),
    )


@pytest.mark.parametrize("arguments", [(), (True,), (None,)], ids=["default", "true", "null"])
def test_a_dry_run_shows_what_is_owed_and_changes_nothing(
    conn: psycopg.Connection[Any], arguments: tuple[Any, ...]
) -> None:
    attempts = owed(conn, 3)
    put_under_review(conn, attempts[1])

    with no_trace(conn):
        shown = rows(conn, "settle_owed_refunds", *arguments)

    # Those that are owed longest first, those under review with them.
    assert shown == [(a.user, a.generation, 10, 0, None) for a in attempts]
    assert shown[0]._fields == (
        "user_id",
        "generation_id",
        "credits_owed",
        "credits_refunded",
        "error",
    )


def test_a_dry_run_neither_waits_for_anybody_nor_stands_in_the_way(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    attempts = owed(conn, 2)

    with Session(database) as busy, Session(database) as looking:
        busy.run("begin")
        busy.run("select from credits.user_credits for no key update")
        busy.run("select from credits.generations for no key update")
        looking.run("begin")
        looking.start("select * from credits.settle_owed_refunds()")
        assert not looking.is_blocked()
        assert len(looking.result()) == 2
        busy.run("commit")
        paid = rows(conn, "settle_owed_refunds", False)
        assert [line.generation_id for line in paid] == [a.generation for a in attempts]


def test_it_pays_only_when_told_to(conn: psycopg.Connection[Any]) -> None:
    attempts = owed(conn, 2)

    paid = rows(conn, "settle_owed_refunds", p_dry_run=False)

    assert paid == [(a.user, a.generation, 10, 10, None) for a in attempts]
    for attempt in attempts:
        assert refunds(conn, attempt) == [10]
        assert story(conn, attempt)[-1] == ("refund_paid", True)
        assert open_alerts(conn, attempt.user) == []
        assert state(conn, attempt).refunded
    assert listed(conn) == []
    assert rows(conn, "settle_owed_refunds") == []
    with no_trace(conn):
        assert rows(conn, "settle_owed_refunds", p_dry_run=False) == []


def test_it_pays_what_is_under_review(conn: psycopg.Connection[Any]) -> None:
    (attempt,) = owed(conn, 1)
    put_under_review(conn, attempt)
    with no_trace(conn):
        assert rows(conn, "retry_failed_refunds") == []
    assert listed(conn) == []

    assert rows(conn, "settle_owed_refunds", False) == [
        (attempt.user, attempt.generation, 10, 10, None)
    ]

    row = generation(conn, attempt)
    assert (row.owed_review, row.refund_owed_since) == (False, None)
    assert refunds(conn, attempt) == [10]


def test_what_came_back_by_hand_is_not_owed_any_more(conn: psycopg.Connection[Any]) -> None:
    part, whole = owed(conn, 2)
    refund(conn, part, 4)
    refund(conn, whole)

    assert rows(conn, "settle_owed_refunds") == [(part.user, part.generation, 6, 0, None)]
    assert rows(conn, "settle_owed_refunds", False) == [(part.user, part.generation, 6, 6, None)]

    assert (refunds(conn, part), refunds(conn, whole)) == ([4, 6], [10])


def test_what_it_cannot_pay_it_says_why(conn: psycopg.Connection[Any]) -> None:
    broken, other = owed(conn, 2)
    refund(conn, broken, 3)
    break_refunds(conn, broken.user)

    first, second = rows(conn, "settle_owed_refunds", False)

    assert first[:4] == (broken.user, broken.generation, 7, 0)
    assert "refund_totals_broken_on_purpose" in first.error
    assert second == (other.user, other.generation, 10, 10, None)
    assert open_alerts(conn, broken.user) == ["refund_failed"]
    mend_refunds(conn)
    assert rows(conn, "settle_owed_refunds", False) == [
        (broken.user, broken.generation, 7, 7, None)
    ]


def test_the_limit_holds_for_both(conn: psycopg.Connection[Any]) -> None:
    attempts = owed(conn, 3)

    assert len(rows(conn, "settle_owed_refunds", p_limit=2)) == 2
    assert len(rows(conn, "settle_owed_refunds", False, 2)) == 2
    assert rows(conn, "settle_owed_refunds", True, 2) == [
        (attempts[2].user, attempts[2].generation, 10, 0, None)
    ]


@pytest.mark.parametrize("dry_run", [True, False, None])
@pytest.mark.parametrize("limit", [None, 0, -1])
def test_a_limit_that_makes_no_sense_is_refused(
    conn: psycopg.Connection[Any], dry_run: bool | None, limit: int | None
) -> None:
    owed(conn, 1)

    value = None if limit is None else str(limit)
    with refused_argument(conn, "p_limit", value=value):
        rows(conn, "settle_owed_refunds", dry_run, limit)


def test_a_thousand_are_served_where_no_limit_is_given(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 1, granted=1001)
    with refunds_broken(conn):
        fail(conn, attempt)
        conn.execute(
            "select count(f.*) from generate_series(1, 1000) as n,"
            " lateral credits.start_generation(%s, 'nanobanana', 'image', 1 + n * 0) as g,"
            " lateral credits.fail_generation(g.user_id, g.generation_id) as f",
            (attempt.user,),
        )

    assert len(rows(conn, "settle_owed_refunds")) == 1000
    assert len(rows(conn, "settle_owed_refunds", False)) == 1000
    assert len(rows(conn, "settle_owed_refunds", False)) == 1


def test_nothing_is_owed_where_refunds_work(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    fail(conn, start(conn))
    set_clock(conn, NOON + SECOND)
    start(conn, task="t-1")

    with no_trace(conn):
        assert rows(conn, "settle_owed_refunds") == []
        assert rows(conn, "settle_owed_refunds", False) == []


def test_apps_and_analysts_may_not_call_it(database: Database) -> None:
    for role in ("credits_app", "credits_analyst"):
        with refused("42501"):
            rows(database.connect(role=role), "settle_owed_refunds")
    assert rows(database.connect(role="credits_operator"), "settle_owed_refunds") == []
