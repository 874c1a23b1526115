from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from objects.generations.outcomes import refuses_what_is_no_generation_of_the_user
from support.api import call, new_user, rows, value
from support.attempts import (
    attach,
    callback,
    cancel,
    complete,
    fail,
    refund,
    refunds_broken,
    set_policy,
    start,
)
from support.books import NOON, entries, grant, last_entry, legs, lots, no_trace
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from support.attempts import Attempt

MINUTE = timedelta(minutes=1)


def _explain(conn: psycopg.Connection[Any], attempt: Attempt) -> dict[str, Any]:
    with no_trace(conn):
        answer: dict[str, Any] = value(conn, "explain_charge", attempt.user, attempt.generation)
    return answer


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_one_json_says_everything(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    conn.execute("set time zone 'Asia/Tokyo'")
    user = new_user()
    grant(conn, user, 4, p_source="promo", p_expires_at=NOON + timedelta(days=1))
    grant(conn, user, 96, p_source="purchase", p_idempotency_key="p", p_unit_price_usd="0.05")
    advance(conn, MINUTE)
    attempt = start(conn, user=user)
    attach(conn, attempt, "t-1")
    set_policy(conn, "internal_error", 50)
    ended = advance(conn, MINUTE)
    callback(conn, "t-1", "500", p_message="no", p_payload={"secret": 1}, p_cost_usd=1)
    refunded = last_entry(conn, user)
    promo, bought = lots(conn, user)
    promo_leg = {
        "lot_id": str(promo.lot_id),
        "source": "promo",
        "expires_at": _utc(NOON + timedelta(days=1)),
        "unit_price_usd": None,
    }
    bought_leg = {
        "lot_id": str(bought.lot_id),
        "source": "purchase",
        "expires_at": None,
        "unit_price_usd": 0.05,
    }

    assert _explain(conn, attempt) == {
        "generation_id": str(attempt.generation),
        "user_id": str(user),
        "external_user_id": None,
        "provider": "nanobanana",
        "generation_type": "image",
        "status": "failed",
        "started_at": _utc(NOON + MINUTE),
        "finished_at": _utc(ended),
        "retry_of": None,
        "error_type": "internal_error",
        "error_message": "no",
        "price": {
            "credits_charged": 10,
            "credits_due_back": 5,
            "credits_refunded": 5,
            "credits_net": 5,
        },
        "charge": {
            "transaction_id": str(attempt.charge),
            "at": _utc(NOON + MINUTE),
            "credits": -10,
            "lots": [{**promo_leg, "credits": -4}, {**bought_leg, "credits": -6}],
        },
        "events": [
            {
                "event_no": 1,
                "at": _utc(NOON + MINUTE),
                "event": "started",
                "applied": True,
                "is_callback": False,
                "credits": 10,
            },
            {
                "event_no": 2,
                "at": _utc(NOON + MINUTE),
                "event": "submitted",
                "applied": True,
                "is_callback": False,
                "code": "t-1",
                "explanation": "-> processing",
            },
            {
                "event_no": 3,
                "at": _utc(ended),
                "event": "failure",
                "applied": True,
                "is_callback": True,
                "error_type": "internal_error",
                "code": "500",
                "message": "no",
                "explanation": "-> failed, settle by policy",
            },
        ],
        "repeated_reports": 0,
        "last_repeated_at": None,
        "refunds": [
            {
                "transaction_id": str(refunded.transaction_id),
                "at": _utc(ended),
                "credits": 5,
                "reason": "internal_error",
                # Last taken, first given back.
                "lots": [{**bought_leg, "credits": 5}],
            }
        ],
    }


def test_of_one_in_flight_nothing_is_invented(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)

    answer = _explain(conn, attempt)

    assert (answer["status"], answer["finished_at"], answer["refunds"]) == ("pending", None, [])
    assert answer["price"] == {
        "credits_charged": 10,
        "credits_due_back": 0,
        "credits_refunded": 0,
        "credits_net": 10,
    }
    assert [event["event"] for event in answer["events"]] == ["started"]


def test_every_refund_is_listed_by_hand_too(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    other = start(conn, user=attempt.user)
    complete(conn, attempt, 7)
    refund(conn, attempt, 2, p_reason="it was blurred")
    complete(conn, attempt, 4)
    fail(conn, other)

    answer = _explain(conn, attempt)

    assert [(back["credits"], back["reason"]) for back in answer["refunds"]] == [
        (3, "lower final price"),
        (2, "it was blurred"),
        (1, "lower final price"),
    ]
    assert answer["price"] == {
        "credits_charged": 10,
        "credits_due_back": 6,
        "credits_refunded": 6,
        "credits_net": 4,
    }
    assert [back["credits"] for back in _explain(conn, other)["refunds"]] == [10]


def test_events_that_changed_nothing_are_explained(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")
    complete(conn, attempt)
    cancel(conn, attempt)
    callback(conn, "t-1", "500")
    callback(conn, "t-1", "999")

    told = [
        (event["event"], event["applied"], event.get("explanation"))
        for event in _explain(conn, attempt)["events"][2:]
    ]

    assert told == [
        ("success", True, "-> succeeded, settle"),
        ("cancel", False, "not applied"),
        ("failure", False, "not applied; alert `conflicting_failure`"),
        ("unclassified", False, None),
    ]


def test_a_refund_that_was_owed_shows_both_ends(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    with refunds_broken(conn):
        fail(conn, attempt)
    owed = _explain(conn, attempt)
    rows(conn, "retry_failed_refunds")
    paid = _explain(conn, attempt)

    assert (owed["price"]["credits_due_back"], owed["price"]["credits_refunded"]) == (10, 0)
    assert owed["refunds"] == []
    assert [event["event"] for event in paid["events"]] == [
        "started",
        "failure",
        "refund_failed",
        "refund_paid",
    ]
    assert (paid["events"][2]["code"], paid["events"][3]["credits"]) == ("23514", 10)
    assert (paid["price"]["credits_net"], len(paid["refunds"])) == (0, 1)


def test_credits_that_expired_come_back_in_a_lot_of_their_own(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, NOON)
    user = new_user()
    grant(conn, user, 10, p_source="promo", p_expires_at=NOON + MINUTE)
    attempt = start(conn, user=user)
    advance(conn, MINUTE)
    fail(conn, attempt)

    (back,) = _explain(conn, attempt)["refunds"]

    (leg,) = back["lots"]
    assert (leg["source"], leg["credits"]) == ("refund", 10)
    assert [(leg["lot_id"], leg["credits"])] == [
        (str(lot_id), amount) for lot_id, amount in legs(entries(conn, user)[-1])
    ]


def test_a_retry_names_what_it_tries_again(conn: psycopg.Connection[Any]) -> None:
    first = start(conn)
    fail(conn, first)
    second = start(conn, user=first.user, p_retry_of=first.generation)

    assert _explain(conn, second)["retry_of"] == str(first.generation)
    assert _explain(conn, first)["retry_of"] is None


def test_only_the_users_own_generation_is_found(conn: psycopg.Connection[Any]) -> None:
    refuses_what_is_no_generation_of_the_user(
        conn, start(conn), lambda user, one: call(conn, "explain_charge", user, one)
    )


def test_what_the_platform_pays_is_not_the_users_business(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10, p_quoted_cost_usd="0.125")
    complete(conn, attempt, None, "0.125")

    told = _explain(conn, attempt)

    assert "0.125" not in str(told)
    assert len(told["events"]) == 2


def test_it_does_not_depend_on_who_asks(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)
    told = _explain(conn, attempt)

    conn.execute("set timezone = 'Asia/Kathmandu'")

    assert _explain(conn, attempt) == told
