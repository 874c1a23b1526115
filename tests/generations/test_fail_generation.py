from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from ledger.books import BAD_DOLLARS, each_refused, no_trace, refused_without_trace
from promises.attempts import (
    alerts,
    cancel,
    complete,
    events,
    fail,
    generation,
    open_alerts,
    refunds,
    set_policy,
    start,
    story,
)
from support.api import call, new_user

if TYPE_CHECKING:
    import psycopg

COST = Decimal("0.04")


@pytest.mark.parametrize("task", [None, "t-1"], ids=["pending", "processing"])
def test_a_failure_gives_the_charge_back(conn: psycopg.Connection[Any], task: str | None) -> None:
    attempt = start(conn, 10, task=task)

    failed = fail(conn, attempt, "internal_error", "it burned", "E7", True, COST)

    assert tuple(failed)[2:] == ("failed", 10, 10, True, 100, True, False)
    row = generation(conn, attempt)
    assert (row.error_type, row.error_code, row.error_message) == (
        "internal_error",
        "E7",
        "it burned",
    )
    assert (row.provider_billed, row.cost_usd) == (True, COST)
    assert (row.refund_due_credits, row.refund_owed_since) == (10, None)
    assert refunds(conn, attempt) == [10]
    event = events(conn, attempt)[-1]
    assert (event.event, event.applied, event.is_callback) == ("failure", True, False)
    assert (event.error_type, event.code, event.message) == ("internal_error", "E7", "it burned")
    assert open_alerts(conn, attempt.user) == []


def test_a_repeated_failure_changes_nothing(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)
    fail(conn, attempt, "internal_error", p_provider_billed=False, p_cost_usd=COST)

    with no_trace(conn):
        again = fail(conn, attempt, "timeout", "other words", "E8", True, Decimal(9))

    assert tuple(again)[2:] == ("failed", 10, 10, True, 100, False, True)


def test_a_failure_of_one_that_succeeded_is_told(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)
    complete(conn, attempt, None, COST)

    for _ in range(2):
        late = fail(conn, attempt, "internal_error", "really", None, False, Decimal(9))

    assert tuple(late)[2:] == ("succeeded", 10, 0, False, 90, False, False)
    row = generation(conn, attempt)
    assert (row.error_type, row.cost_usd, row.provider_billed) == (None, COST, None)
    (alert,) = alerts(conn, attempt.user)
    assert (alert.type, alert.level, alert.occurrences) == ("conflicting_failure", "warning", 2)
    assert story(conn, attempt)[2:] == [("failure", False), ("failure", False)]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, "unknown"),
        ("", "unknown"),
        ("   ", "unknown"),
        (" Network_Error ", "network_error"),
        ("made_up", "made_up"),
        ("x" * 5000, "x" * 100),
        ("*", "*"),
    ],
)
def test_no_kind_of_failure_is_refused(
    conn: psycopg.Connection[Any], given: str | None, kept: str
) -> None:
    attempt = start(conn, 10)

    assert fail(conn, attempt, given).credits_refunded == 10

    assert generation(conn, attempt).error_type == kept


def test_without_a_word_it_is_unknown(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)

    assert fail(conn, attempt).refunded

    row = generation(conn, attempt)
    assert (row.error_type, row.error_code, row.error_message) == ("unknown", None, None)


def test_long_texts_are_cut(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)

    assert fail(conn, attempt, "unknown", "m" * 100_000, "c" * 100_000).refunded

    row = generation(conn, attempt)
    assert (row.error_message, row.error_code) == ("m" * 1000, "c" * 500)
    assert events(conn, attempt)[-1].message == "m" * 1000


@pytest.mark.parametrize("cost", BAD_DOLLARS)
def test_a_cost_that_makes_no_sense_is_left_out(
    conn: psycopg.Connection[Any], cost: Decimal
) -> None:
    attempt = start(conn, 10)

    assert fail(conn, attempt, p_cost_usd=cost).refunded

    assert generation(conn, attempt).cost_usd is None
    assert len(events(conn, attempt)[-1].dropped) == 1


# --- what the provider bills ---


@pytest.mark.parametrize("billed", [None, True, False])
@pytest.mark.parametrize("cost", [None, COST])
@pytest.mark.parametrize("billed_later", [None, True, False])
@pytest.mark.parametrize("cost_later", [None, Decimal(9)])
def test_what_is_known_stays_and_what_was_unknown_is_booked(
    conn: psycopg.Connection[Any],
    billed: bool | None,
    cost: Decimal | None,
    billed_later: bool | None,
    cost_later: Decimal | None,
) -> None:
    attempt = start(conn, 10)
    fail(conn, attempt, p_provider_billed=billed, p_cost_usd=cost)

    again = fail(conn, attempt, p_provider_billed=billed_later, p_cost_usd=cost_later)

    assert (again.applied, again.replayed) == (False, True)
    row = generation(conn, attempt)
    assert row.provider_billed == (billed_later if billed is None else billed)
    assert row.cost_usd == (cost_later if cost is None else cost)
    assert refunds(conn, attempt) == [10]


# --- after a cancellation ---


def test_a_failure_raises_what_a_cancellation_gave(conn: psycopg.Connection[Any]) -> None:
    set_policy(conn, "user_cancelled", 30)
    attempt = start(conn, 10, task="t-1")
    assert cancel(conn, attempt, "too slow").credits_refunded == 3

    raised = fail(conn, attempt, "internal_error", "it burned", "E7", True, COST)

    assert tuple(raised)[2:] == ("cancelled", 10, 10, True, 100, True, False)
    assert refunds(conn, attempt) == [3, 7]
    row = generation(conn, attempt)
    assert (row.error_type, row.error_code, row.error_message) == (
        "internal_error",
        "E7",
        "it burned",
    )
    assert (row.cost_usd, row.provider_billed) == (COST, True)
    with no_trace(conn):
        assert fail(conn, attempt, "internal_error").replayed


@pytest.mark.parametrize("percent", [0, 29, 30])
def test_a_failure_that_gives_no_more_leaves_a_cancellation_alone(
    conn: psycopg.Connection[Any], percent: int
) -> None:
    set_policy(conn, "user_cancelled", 30)
    set_policy(conn, "internal_error", percent)
    attempt = start(conn, 10, task="t-1")
    cancel(conn, attempt, "too slow")

    with no_trace(conn):
        assert fail(conn, attempt, "internal_error").replayed

    assert generation(conn, attempt).error_type == "user_cancelled"


def test_bad_arguments_are_named(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)

    each_refused(
        conn,
        "p_user_id",
        [None],
        lambda bad: call(conn, "fail_generation", bad, attempt.generation),
    )
    each_refused(
        conn,
        "p_generation_id",
        [None],
        lambda bad: call(conn, "fail_generation", attempt.user, bad),
    )


def test_an_unknown_generation_is_refused(conn: psycopg.Connection[Any]) -> None:
    theirs = start(conn, 10)

    for user, unknown in ((theirs.user, uuid4()), (new_user(), theirs.generation)):
        with refused_without_trace(conn, "PT404", "generation_not_found"):
            call(conn, "fail_generation", user, unknown)
