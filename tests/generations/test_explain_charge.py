from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ledger.books import NOON, each_refused, grant, lots, no_trace, refused_without_trace
from promises.attempts import (
    Attempt,
    attach,
    callback,
    cancel,
    complete,
    events,
    fail,
    refund,
    refunds_broken,
    start,
)
from support.api import call, new_user, value
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg


def explain(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
    with no_trace(conn):
        return value(conn, "explain_charge", attempt.user, attempt.generation)


def price(charged: int, due: int, refunded: int) -> dict[str, int]:
    return {
        "credits_charged": charged,
        "credits_due_back": due,
        "credits_refunded": refunded,
        "credits_net": charged - refunded,
    }


def test_the_whole_story_of_a_failure(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    user = new_user()
    grant(conn, user, 4, p_source="promo", p_expires_at=NOON + timedelta(days=3))
    grant(conn, user, 50, p_source="purchase", p_idempotency_key="pi-1", p_unit_price_usd="0.05")
    attempt = start(conn, 10, user=user)
    advance(conn, timedelta(seconds=1))
    callback(conn, "t-1", "202")
    attach(conn, attempt, "t-1")
    advance(conn, timedelta(seconds=1))
    callback(conn, "t-1", "501", p_message="<b>no</b>")
    callback(conn, "t-1", "200")

    told = explain(conn, attempt)

    assert {key: told[key] for key in ("status", "error_type", "error_message", "provider")} == {
        "status": "failed",
        "error_type": "generation_failed",
        "error_message": "<b>no</b>",
        "provider": "nanobanana",
    }
    assert (told["generation_id"], told["user_id"]) == (str(attempt.generation), str(user))
    assert told["started_at"] == "2031-05-16T12:00:00.000000Z"
    assert told["finished_at"] == "2031-05-16T12:00:02.000000Z"
    assert told["price"] == price(10, 10, 10)

    promo, bought = (str(lot.lot_id) for lot in lots(conn, user))
    charge = told["charge"]
    assert (charge["transaction_id"], charge["credits"]) == (str(attempt.charge), -10)
    assert [(leg["lot_id"], leg["source"], leg["credits"]) for leg in charge["lots"]] == [
        (promo, "promo", -4),
        (bought, "purchase", -6),
    ]
    assert [leg["unit_price_usd"] for leg in charge["lots"]] == [None, 0.05]
    assert charge["lots"][0]["expires_at"] == "2031-05-19T12:00:00.000000Z"

    (back,) = told["refunds"]
    assert (back["credits"], back["reason"]) == (10, "generation_failed")
    assert [(leg["lot_id"], leg["credits"]) for leg in back["lots"]] == [(bought, 6), (promo, 4)]

    assert [(e["event"], e["applied"], e["is_callback"]) for e in told["events"]] == [
        ("started", True, False),
        ("submitted", True, False),
        ("progress", False, True),
        ("failure", True, True),
        ("success", False, True),
    ]
    # Each is explained by the table of the README.
    assert [e.get("explanation") for e in told["events"]] == [
        None,
        "→ processing",
        "event only",
        "→ failed, settle by policy",
        "not applied; cost booked; alert `late_success_after_refund`",
    ]
    assert told["events"][3]["message"] == "<b>no</b>"


def test_every_refund_is_there_and_what_it_cost_in_the_end(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, 10, task="t-1")
    cancel(conn, attempt)
    refund(conn, attempt, 3, "goodwill")
    fail(conn, attempt, "internal_error")

    told = explain(conn, attempt)

    assert [(r["credits"], r["reason"]) for r in told["refunds"]] == [
        (3, "goodwill"),
        (7, "internal_error"),
    ]
    assert told["price"] == price(10, 10, 10)


def test_of_one_in_flight_nothing_has_come_back(conn: psycopg.Connection[Any]) -> None:
    told = explain(conn, start(conn, 10))

    assert (told["status"], told["finished_at"], told["refunds"]) == ("pending", None, [])
    assert told["price"] == price(10, 0, 0)


def test_a_lower_price_and_another_try_are_told(conn: psycopg.Connection[Any]) -> None:
    first = start(conn, 10)
    fail(conn, first)
    second = start(conn, 10, user=first.user, p_retry_of=first.generation)
    complete(conn, second, 7)

    told = explain(conn, second)

    assert told["retry_of"] == str(first.generation)
    assert told["price"] == price(10, 3, 3)
    # Each tells of its own charge only.
    assert len(told["refunds"]) == len(explain(conn, first)["refunds"]) == 1


def test_what_is_owed_shows(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)
    with refunds_broken(conn):
        fail(conn, attempt)

    told = explain(conn, attempt)

    assert told["price"] == price(10, 10, 0)
    assert told["events"][-1]["event"] == "refund_failed"


def test_what_the_platform_pays_is_not_the_users_business(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10, p_quoted_cost_usd="0.125")
    complete(conn, attempt, None, "0.125")

    told = explain(conn, attempt)

    assert "0.125" not in str(told)
    assert len(events(conn, attempt)) == len(told["events"]) == 2


def test_it_does_not_depend_on_who_asks(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)
    told = explain(conn, attempt)

    conn.execute("set timezone = 'Asia/Kathmandu'")

    assert explain(conn, attempt) == told


def test_an_unknown_generation_is_refused(conn: psycopg.Connection[Any]) -> None:
    theirs = start(conn, 10)

    for user, unknown in (
        (theirs.user, uuid4()),
        (new_user(), theirs.generation),
        (theirs.user, None),
    ):
        with refused_without_trace(conn, "PT404", "generation_not_found"):
            call(conn, "explain_charge", user, unknown)
    each_refused(
        conn, "p_user_id", [None], lambda bad: call(conn, "explain_charge", bad, theirs.generation)
    )
