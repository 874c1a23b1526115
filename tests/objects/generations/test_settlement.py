"""Final prices, costs and billing in every order and combination, and the alerts they raise."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from objects.generations.outcomes import bill, raised, said
from support.attempts import (
    alerts,
    callback,
    cancel,
    complete,
    events,
    fail,
    generation,
    net,
    refunds,
    start,
)
from support.books import NOON, balance, no_trace
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

CENT = Decimal("0.01")
DIME = Decimal("0.1")


# --- final prices ---


def test_the_lowest_price_counts_in_any_order(conn: psycopg.Connection[Any]) -> None:
    for prices in permutations([None, 0, 4, 10, 12]):
        attempt = start(conn)
        net_price = 10
        for n, price in enumerate(prices):
            result = complete(conn, attempt, price)
            applied = n == 0 or (price is not None and price < net_price)
            net_price = min(net_price, 10 if price is None else price)
            assert result == said(
                attempt, "succeeded", back=10 - net_price, applied=applied, replayed=not applied
            ), prices
            assert net(conn, attempt) == net_price, prices
        assert raised(conn, attempt) == {"price_above_charge": 1}, prices
        assert generation(conn, attempt).refund_due_credits == 10, prices
        assert (sum(refunds(conn, attempt)), balance(conn, attempt.user)) == (10, 100), prices


@pytest.mark.parametrize("prices", list(permutations([None, 7, 4])))
def test_callbacks_say_no_price_and_change_none(
    conn: psycopg.Connection[Any], prices: tuple[int | None, ...]
) -> None:
    """Null is the provider's success; the numbers are the application's."""
    attempt = start(conn, task="t-1")

    for price in prices:
        if price is None:
            callback(conn, "t-1", "200")
        else:
            complete(conn, attempt, price)

    assert (net(conn, attempt), alerts(conn, attempt.user)) == (4, [])


def test_a_price_above_the_charge_is_counted_again_and_never_charged(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    first = complete(conn, attempt, 11)
    late = advance(conn, timedelta(minutes=1))

    again = complete(conn, attempt, 12)

    assert (first.balance, again.balance, again.applied) == (90, 90, False)
    (alert,) = alerts(conn, attempt.user)
    assert (alert.type, alert.occurrences) == ("price_above_charge", 2)
    assert (alert.first_seen_at, alert.last_seen_at) == (NOON, late)
    assert net(conn, attempt) == 10


def test_once_an_alert_is_resolved_the_next_is_a_new_one(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn)
    complete(conn, attempt)
    fail(conn, attempt)
    conn.execute("update credits.system_alerts set resolved_at = now(), resolved_by = 'me'")

    fail(conn, attempt)
    fail(conn, attempt)

    assert [
        (alert.type, alert.occurrences, alert.resolved_by) for alert in alerts(conn, attempt.user)
    ] == [("conflicting_failure", 1, "me"), ("conflicting_failure", 2, None)]


def test_two_generations_of_a_user_have_alerts_of_their_own(
    conn: psycopg.Connection[Any],
) -> None:
    first = start(conn)
    second = start(conn, user=first.user)
    for attempt in (first, second, second):
        complete(conn, attempt)
        fail(conn, attempt)

    assert raised(conn, first) == {"conflicting_failure": 1}
    assert raised(conn, second) == {"conflicting_failure": 2}


# --- what it cost, and whether the provider bills it ---


@pytest.mark.parametrize("cost", [None, Decimal(0), CENT])
@pytest.mark.parametrize("billed", [None, False, True])
def test_a_failure_says_what_it_cost_and_who_is_billed(
    conn: psycopg.Connection[Any], cost: Decimal | None, billed: bool | None
) -> None:
    attempt = start(conn)

    assert fail(conn, attempt, p_provider_billed=billed, p_cost_usd=cost).refunded

    assert bill(conn, attempt) == (cost, billed)
    event = events(conn, attempt)[-1]
    assert (event.cost_usd, event.provider_billed) == (cost, billed)


@pytest.mark.parametrize("first", [(None, None), (CENT, None), (None, False), (CENT, True)])
@pytest.mark.parametrize("again", [(None, None), (DIME, None), (None, True), (DIME, False)])
def test_a_replay_adds_what_was_unknown_and_changes_nothing_else(
    conn: psycopg.Connection[Any],
    first: tuple[Decimal | None, bool | None],
    again: tuple[Decimal | None, bool | None],
) -> None:
    attempt = start(conn)
    fail(conn, attempt, p_cost_usd=first[0], p_provider_billed=first[1])
    before = generation(conn, attempt)
    known = (
        first[0] if first[0] is not None else again[0],
        first[1] if first[1] is not None else again[1],
    )

    result = fail(conn, attempt, "timeout", p_cost_usd=again[0], p_provider_billed=again[1])

    assert result == said(attempt, "failed", back=10, applied=False, replayed=True)
    assert bill(conn, attempt) == known
    # Only news are kept.
    news = 0 if known == first else 1
    assert generation(conn, attempt) == before._replace(
        cost_usd=known[0], provider_billed=known[1], last_event_no=2 + news
    )
    assert len(events(conn, attempt)) == 2 + news
    assert refunds(conn, attempt) == [10]


def test_a_replay_with_a_cost_that_makes_no_sense_brings_no_news(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn)
    fail(conn, attempt)

    with no_trace(conn):
        assert fail(conn, attempt, p_cost_usd=Decimal("NaN")).replayed


def test_a_success_learns_its_cost_later(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")
    complete(conn, attempt)

    callback(conn, "t-1", "200", p_cost_usd=CENT)
    callback(conn, "t-1", "200", p_cost_usd=DIME)

    assert bill(conn, attempt) == (CENT, None)
    # A lower price is applied, and brings its cost.
    complete(conn, attempt, 7, DIME)
    assert bill(conn, attempt) == (DIME, None)
    assert alerts(conn, attempt.user) == []


@pytest.mark.parametrize(
    ("failure", "late", "known"),
    [
        ((None, None), None, (None, True)),
        ((None, False), CENT, (CENT, True)),
        ((CENT, None), None, (CENT, True)),
        ((CENT, False), DIME, (DIME, True)),
        ((CENT, True), Decimal("NaN"), (CENT, True)),
    ],
)
@pytest.mark.parametrize("way", ["complete", "callback"])
def test_a_late_success_is_billed_whatever_was_said_before(
    conn: psycopg.Connection[Any],
    failure: tuple[Decimal | None, bool | None],
    late: Decimal | None,
    known: tuple[Decimal | None, bool],
    way: str,
) -> None:
    attempt = start(conn, task="t-1")
    fail(conn, attempt, p_cost_usd=failure[0], p_provider_billed=failure[1])

    for n in (1, 2):
        if way == "complete":
            result = complete(conn, attempt, 3, late)
        else:
            result = callback(conn, "t-1", "200", p_cost_usd=late)
        assert result == said(attempt, "failed", back=10, applied=False)
        assert raised(conn, attempt) == {"late_success_after_refund": n}

    assert bill(conn, attempt) == known
    assert refunds(conn, attempt) == [10]


@pytest.mark.parametrize(("task", "back"), [(None, 10), ("t-1", 0)])
def test_a_late_success_after_a_cancellation_alerts_where_credits_came_back(
    conn: psycopg.Connection[Any], task: str | None, back: int
) -> None:
    attempt = start(conn, task=task)
    cancel(conn, attempt)

    late = complete(conn, attempt, None, CENT)

    assert late == said(attempt, "cancelled", back=back, applied=False)
    assert bill(conn, attempt) == (CENT, True)
    assert raised(conn, attempt) == ({"late_success_after_refund": 1} if back else {})


@pytest.mark.parametrize("billed", [None, False, True])
@pytest.mark.parametrize("way", ["fail", "callback"])
def test_a_failure_that_gives_credits_back_after_a_late_success_alerts(
    conn: psycopg.Connection[Any], way: str, billed: bool | None
) -> None:
    attempt = start(conn, task="t-1")
    cancel(conn, attempt)
    complete(conn, attempt, None, CENT)
    assert raised(conn, attempt) == {}

    for replayed in (False, True):
        if way == "fail":
            failed = fail(conn, attempt, p_error_type="internal_error", p_provider_billed=billed)
        else:
            failed = callback(conn, "t-1", "500")
        assert failed == said(
            attempt, "cancelled", back=10, applied=not replayed, replayed=replayed
        )
        # A repeat gives nothing back, and says nothing new.
        assert raised(conn, attempt) == {"late_success_after_refund": 1}
    assert refunds(conn, attempt) == [10]


def test_a_failure_after_a_cancellation_alerts_only_where_a_success_was_reported(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, task="t-1")
    cancel(conn, attempt)

    failed = fail(conn, attempt, p_error_type="internal_error", p_provider_billed=True)

    # What the provider bills for a failure is an absorbed cost, as it is without a cancellation.
    assert failed == said(attempt, "cancelled", back=10, applied=True)
    assert raised(conn, attempt) == {}


def test_a_success_and_a_failure_after_a_cancellation_alert_in_either_order(
    conn: psycopg.Connection[Any],
) -> None:
    """Part of the price, then all of it, comes back: whatever came first, operators are told."""
    conn.execute(
        "update credits.refund_policies set refund_percent = 50 where error_type = 'invalid_image'"
    )
    reports = ["a success", "half", "all"]
    for order in permutations(reports):
        attempt = start(conn, task=f"t-{order}")
        cancel(conn, attempt)
        for n, report in enumerate(order):
            if report == "a success":
                complete(conn, attempt, None, CENT)
            else:
                error_type = "invalid_image" if report == "half" else "internal_error"
                fail(conn, attempt, p_error_type=error_type)
            told = "a success" in order[: n + 1] and n > 0
            assert set(raised(conn, attempt)) == ({"late_success_after_refund"} if told else set())
        assert sum(refunds(conn, attempt)) == 10


def test_a_conflicting_failure_books_nothing(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")
    complete(conn, attempt, 7, CENT)

    for n in (1, 2):
        result = callback(conn, "t-1", "500", p_cost_usd=DIME)
        assert result == said(attempt, "succeeded", back=3, applied=False)
        assert raised(conn, attempt) == {"conflicting_failure": n}

    assert bill(conn, attempt) == (CENT, None)
    assert refunds(conn, attempt) == [3]


def test_a_failure_that_raises_what_a_cancellation_left_books_its_cost(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, task="t-1")
    cancel(conn, attempt)

    assert fail(conn, attempt, "timeout", p_cost_usd=CENT, p_provider_billed=False).refunded

    assert bill(conn, attempt) == (CENT, False)
    assert alerts(conn, attempt.user) == []
