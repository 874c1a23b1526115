from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.types.json import Jsonb

from objects.generations.outcomes import (
    bill,
    raised,
    refuses_what_is_no_generation_of_the_user,
    said,
)
from support.api import call, refused, rows
from support.attempts import (
    alerts,
    cancel,
    complete,
    events,
    fail,
    generation,
    refunds,
    start,
    story,
)
from support.books import (
    BAD_DOLLARS,
    BAD_METADATA,
    LONGEST_METADATA,
    NOON,
    Books,
    books,
    each_refused,
    entries,
    no_trace,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg


@pytest.mark.parametrize(("task", "before"), [(None, "pending"), ("t-1", "processing")])
def test_a_success_settles_at_the_charge(
    conn: psycopg.Connection[Any], task: str | None, before: str
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, task=task)
    now = advance(conn, timedelta(minutes=1))

    result = complete(conn, attempt, p_cost_usd=Decimal("0.04"), p_metadata={"seed": 7})

    assert result == said(attempt, "succeeded")
    assert books(conn, attempt.user) == Books(
        balance=90,
        ledger=[("grant", 100, 100), ("deduction", -10, 90)],
        lots=[("goodwill", 100, 90)],
    )
    row = generation(conn, attempt)
    assert (row.status, row.finished_at, row.refund_due_credits) == ("succeeded", now, 0)
    assert (row.cost_usd, row.provider_billed) == (Decimal("0.04"), None)
    assert (row.error_type, row.metadata) == (None, {"seed": 7})
    event = events(conn, attempt)[-1]
    assert (event.event, event.status_before, event.applied) == ("success", before, True)
    assert (event.credits, event.cost_usd, event.dropped) == (None, Decimal("0.04"), None)
    assert alerts(conn, attempt.user) == []


def test_metadata_is_added_to_what_the_start_said(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, p_metadata={"model": "xl", "seed": 1})

    complete(conn, attempt, p_metadata={"seed": 2, "url": "s3"})

    assert generation(conn, attempt).metadata == {"model": "xl", "seed": 2, "url": "s3"}


def test_null_stands_for_each_default(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, p_metadata={"model": "xl"})

    assert complete(conn, attempt, None, None, None) == said(attempt, "succeeded")

    assert generation(conn, attempt).metadata == {"model": "xl"}
    assert events(conn, attempt)[-1].dropped is None


def test_the_same_success_again_is_a_replay(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    complete(conn, attempt, 7, Decimal("0.04"), {"a": 1})

    for final in (7, None, 10, 8):
        with no_trace(conn):
            again = complete(conn, attempt, final, Decimal("0.05"), {"a": 2})
        assert again == said(attempt, "succeeded", back=3, applied=False, replayed=True)


@pytest.mark.parametrize("later", [False, True])
def test_a_lower_price_gives_the_difference_back(
    conn: psycopg.Connection[Any], later: bool
) -> None:
    attempt = start(conn)
    if later:
        complete(conn, attempt)

    # It is a success all the same: nothing was "refunded".
    assert complete(conn, attempt, 7) == said(attempt, "succeeded", back=3)

    row = entries(conn, attempt.user)[-1]
    assert (row.transaction_type, row.credits, row.refund_of) == ("refund", 3, attempt.charge)
    assert (row.generation_id, row.reason) == (attempt.generation, "lower final price")
    assert (events(conn, attempt)[-1].credits, events(conn, attempt)[-1].applied) == (7, True)
    assert generation(conn, attempt).refund_due_credits == 3


def test_a_price_of_nothing_gives_all_back(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    assert complete(conn, attempt, 0) == said(attempt, "succeeded", back=10)
    assert refunds(conn, attempt) == [10]


def test_a_price_above_the_charge_settles_at_the_charge_and_alerts(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn)

    assert complete(conn, attempt, 11) == said(attempt, "succeeded")

    (alert,) = alerts(conn, attempt.user)
    assert (alert.type, alert.level, alert.occurrences) == ("price_above_charge", "warning", 1)
    assert (alert.generation_id, alert.provider) == (attempt.generation, "nanobanana")
    assert alert.dedup_key == str(attempt.generation)
    assert refunds(conn, attempt) == []


def test_a_lower_price_after_a_refund_by_hand_gives_what_is_missing(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn)
    complete(conn, attempt)
    call(conn, "refund_user_credits", attempt.user, attempt.charge, 4)

    assert complete(conn, attempt, 7) == said(attempt, "succeeded", back=4)
    assert complete(conn, attempt, 5) == said(attempt, "succeeded", back=5)
    assert refunds(conn, attempt) == [4, 1]


@pytest.mark.parametrize("how", ["failed", "cancelled", "timed_out"])
def test_a_late_success_is_kept_and_not_applied(conn: psycopg.Connection[Any], how: str) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    if how == "failed":
        fail(conn, attempt)
    elif how == "cancelled":
        cancel(conn, attempt)
    else:
        advance(conn, timedelta(hours=1))
        rows(conn, "sweep_stuck_generations")
    before = generation(conn, attempt)

    late = complete(conn, attempt, 3, Decimal("0.04"), {"a": 1})

    assert late == said(attempt, how, back=10, applied=False)
    assert generation(conn, attempt) == before._replace(
        cost_usd=Decimal("0.04"), provider_billed=True, last_event_no=3
    )
    assert story(conn, attempt)[-1] == ("success", False)
    assert raised(conn, attempt) == {"late_success_after_refund": 1}
    assert refunds(conn, attempt) == [10]


# --- bad input ---


def test_only_the_users_own_generation_is_found(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    refuses_what_is_no_generation_of_the_user(
        conn, attempt, lambda user, one: call(conn, "complete_generation", user, one)
    )


def test_a_price_below_nothing_is_refused(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    each_refused(
        conn, "p_final_credits", [-1, -(2**63)], lambda final: complete(conn, attempt, final)
    )
    with no_trace(conn), refused("42883"):
        complete(conn, attempt, 2**63)
    assert complete(conn, attempt, 2**63 - 1) == said(attempt, "succeeded")


@pytest.mark.parametrize("cost", [*BAD_DOLLARS, Decimal("999999999.9999995")])
def test_a_cost_that_makes_no_sense_is_dropped_and_noted(
    conn: psycopg.Connection[Any], cost: Decimal
) -> None:
    attempt = start(conn)

    assert complete(conn, attempt, p_cost_usd=cost) == said(attempt, "succeeded")

    assert bill(conn, attempt) == (None, None)
    event = events(conn, attempt)[-1]
    assert event.cost_usd is None
    assert [note.split()[0] for note in event.dropped] == ["p_cost_usd"]


def test_metadata_that_are_no_small_object_are_dropped_and_noted(
    conn: psycopg.Connection[Any],
) -> None:
    for metadata in BAD_METADATA:
        attempt = start(conn, p_metadata={"model": "xl"})

        result = complete(conn, attempt, 8, p_metadata=Jsonb(json.loads(metadata)))

        assert result == said(attempt, "succeeded", back=2)
        assert generation(conn, attempt).metadata == {"model": "xl"}
        assert events(conn, attempt)[-1].dropped == ["p_metadata"]


def test_metadata_that_grow_too_large_together_are_dropped(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, p_metadata={"model": "xl"})

    complete(conn, attempt, p_metadata=LONGEST_METADATA, p_cost_usd=Decimal("NaN"))

    assert generation(conn, attempt).metadata == {"model": "xl"}
    assert events(conn, attempt)[-1].dropped == ["p_metadata", "p_cost_usd NaN"]
