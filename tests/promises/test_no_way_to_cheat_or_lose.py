"""Ways in which a user could gain or lose credits by the order in which things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, refused, rows
from support.attempts import (
    attach,
    callback,
    cancel,
    complete,
    events,
    fail,
    generation,
    net,
    open_alerts,
    refund,
    refunds,
    refunds_broken,
    set_policy,
    start,
    state,
    story,
)
from support.books import (
    BAD_DOLLARS,
    Books,
    balance,
    books,
    grant,
    no_trace,
    refused_without_trace,
    revoke,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    import psycopg

    from support.attempts import Attempt


# --- refund of a charge in flight, then success ---


@pytest.mark.parametrize("task", [None, "t-1"], ids=["pending", "processing"])
@pytest.mark.parametrize("amount", [None, 1, 10])
def test_a_charge_in_flight_cannot_be_refunded_and_the_result_kept(
    conn: psycopg.Connection[Any], task: str | None, amount: int | None
) -> None:
    attempt = start(conn, 10, task=task)

    with refused_without_trace(conn, "PT409", "not_refundable"):
        refund(conn, attempt, amount)

    assert complete(conn, attempt).status == "succeeded"
    assert (net(conn, attempt), balance(conn, attempt.user)) == (10, 90)


# --- a part refunded by hand, then failure ---


@pytest.mark.parametrize(
    ("by_hand", "percent", "back"),
    [(4, 100, [4, 6]), (10, 100, [10]), (4, 50, [4, 1]), (5, 50, [5]), (7, 50, [7])],
)
def test_a_part_refunded_by_hand_is_no_gift_once_it_fails(
    conn: psycopg.Connection[Any], by_hand: int, percent: int, back: list[int]
) -> None:
    set_policy(conn, "generation_failed", percent)
    attempt = start(conn, 10, task="t-1")
    # Nothing came back by policy; somebody was generous.
    assert cancel(conn, attempt).credits_refunded == 0
    refund(conn, attempt, by_hand)

    result = callback(conn, "t-1", "501")

    assert (result.status, result.credits_refunded) == ("cancelled", sum(back))
    assert refunds(conn, attempt) == back


def test_nor_is_it_lost_that_a_lower_price_comes_later(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)
    complete(conn, attempt)
    refund(conn, attempt, 4)

    assert complete(conn, attempt, 3).credits_refunded == 7

    assert refunds(conn, attempt) == [4, 3]


# --- cancel, then failure ---


def test_who_cancels_what_fails_later_has_it_all_back(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10, task="t-1")
    assert cancel(conn, attempt).credits_refunded == 0

    result = callback(conn, "t-1", "500")

    assert (result.status, result.credits_refunded) == ("cancelled", 10)
    assert (result.applied, result.refunded) == (True, True)
    assert generation(conn, attempt).error_type == "internal_error"
    for _ in range(2):
        assert callback(conn, "t-1", "500").replayed
        fail(conn, attempt)
        cancel(conn, attempt)
    assert refunds(conn, attempt) == [10]


def test_who_cancels_in_time_has_it_back_once(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10)
    assert cancel(conn, attempt).credits_refunded == 10

    assert fail(conn, attempt).replayed
    attach(conn, attempt, "t-1")
    for code in ("500", "200", "500"):
        assert not callback(conn, "t-1", code).applied

    assert refunds(conn, attempt) == [10]


def test_who_cancels_what_succeeds_pays_for_it(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10, task="t-1")
    cancel(conn, attempt)

    assert not callback(conn, "t-1", "200").applied

    assert (state(conn, attempt).status, net(conn, attempt)) == ("cancelled", 10)


def test_a_failure_worth_less_than_the_cancellation_takes_nothing_away(
    conn: psycopg.Connection[Any],
) -> None:
    set_policy(conn, "user_cancelled", 80)
    set_policy(conn, "internal_error", 30)
    attempt = start(conn, 10, task="t-1")
    assert cancel(conn, attempt).credits_refunded == 8

    assert callback(conn, "t-1", "500").replayed

    assert (refunds(conn, attempt), generation(conn, attempt).refund_due_credits) == ([8], 8)
    assert generation(conn, attempt).error_type == "user_cancelled"


# --- success without price, then the app's lower price ---


def test_the_lower_price_counts_also_where_the_callback_was_faster(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, 10, task="t-1")
    assert callback(conn, "t-1", "200").credits_refunded == 0

    result = complete(conn, attempt, 4)

    assert (result.applied, result.status, result.credits_refunded) == (True, "succeeded", 6)
    # Given back is not refunded: it succeeded.
    assert not result.refunded
    assert complete(conn, attempt, 4).replayed
    assert complete(conn, attempt, 9).replayed
    assert callback(conn, "t-1", "200").replayed
    assert complete(conn, attempt).replayed
    assert (refunds(conn, attempt), net(conn, attempt)) == ([6], 4)


# --- a charge back of the purchase, then cancel ---


def test_what_comes_back_after_a_chargeback_goes_to_whom_it_is_owed(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    bought = grant(conn, user, 10, p_source="purchase", p_idempotency_key="pi_1")
    attempt = start(conn, 10, user=user)
    # All of it is spent: the bank has its money back, and we have nothing.
    assert revoke(conn, user, bought).transaction_id is None

    result = cancel(conn, attempt)

    assert (result.status, result.credits_refunded, result.refunded) == ("cancelled", 10, True)
    assert result.balance == 0
    assert books(conn, user) == Books(
        balance=0,
        ledger=[
            ("grant", 10, 10),
            ("deduction", -10, 0),
            ("refund", 10, 10),
            ("revocation", -10, 0),
        ],
        lots=[("purchase", 10, 0)],
    )


def test_what_others_paid_comes_back_after_a_chargeback(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    bought = grant(conn, user, 6, p_source="purchase", p_idempotency_key="pi_1")
    grant(conn, user, 4)
    attempt = start(conn, 10, user=user)
    revoke(conn, user, bought)

    assert cancel(conn, attempt).balance == 4


# --- a refund that raises, then the policy changes, then the retry ---


@pytest.mark.parametrize("percent", [0, 40])
def test_a_refund_that_raises_is_worth_the_same_later(
    conn: psycopg.Connection[Any], percent: int
) -> None:
    attempt = start(conn, 10, task="t-1")
    with refunds_broken(conn):
        assert not callback(conn, "t-1", "500").refunded
    for error_type in ("internal_error", "unknown", "*"):
        set_policy(conn, error_type, percent)

    assert rows(conn, "retry_failed_refunds") == [(attempt.user, attempt.generation, 10, None)]

    assert state(conn, attempt).refunded
    assert rows(conn, "retry_failed_refunds") == []
    assert refunds(conn, attempt) == [10]


# --- null or far too long texts at settlement ---

LONG = "é" * 1_000_000


def _fail(conn: psycopg.Connection[Any], attempt: Attempt, text: str | None) -> Any:
    return fail(conn, attempt, text, text, text)


def _call_back(conn: psycopg.Connection[Any], attempt: Attempt, text: str | None) -> Any:
    return callback(conn, "t-1", "500", p_message=text)


SETTLEMENTS: dict[str, Callable[[psycopg.Connection[Any], Attempt, str | None], Any]] = {
    "fail": _fail,
    "callback": _call_back,
    "cancel": cancel,
}


@pytest.mark.parametrize("text", [None, "", "   ", LONG], ids=["null", "empty", "blank", "long"])
@pytest.mark.parametrize("settlement", SETTLEMENTS)
def test_no_settlement_is_refused_over_a_text(
    conn: psycopg.Connection[Any], settlement: str, text: str | None
) -> None:
    set_policy(conn, "user_cancelled", 100)
    attempt = start(conn, 10, task="t-1")

    result = SETTLEMENTS[settlement](conn, attempt, text)

    assert (result.applied, result.refunded, result.credits_refunded) == (True, True, 10)
    row = generation(conn, attempt)
    for stored, most in ((row.error_type, 100), (row.error_code, 500), (row.error_message, 1_000)):
        assert stored is None or len(stored) <= most
    if text != LONG:
        assert (row.error_type == "unknown") == (settlement == "fail")
    elif settlement == "fail":
        assert (len(row.error_code), len(row.error_message)) == (500, 1_000)
    assert events(conn, attempt)[-1].message == row.error_message


@pytest.mark.parametrize("code", [None, "", "   ", LONG], ids=["null", "empty", "blank", "long"])
def test_a_callback_with_a_code_that_says_nothing_is_kept(
    conn: psycopg.Connection[Any], code: str | None
) -> None:
    attempt = start(conn, 10, task="t-1")

    assert not callback(conn, "t-1", code).applied

    assert story(conn, attempt)[-1] == ("unclassified", False)
    assert open_alerts(conn, attempt.user) == ["callback_unclassified"]
    assert callback(conn, "t-1", "500").refunded


@pytest.mark.parametrize("cost", BAD_DOLLARS, ids=str)
def test_no_settlement_is_refused_over_a_cost(conn: psycopg.Connection[Any], cost: Decimal) -> None:
    failed, succeeded, called = start(conn), start(conn), start(conn, task="t-1")

    assert fail(conn, failed, p_cost_usd=cost).refunded
    assert complete(conn, succeeded, p_cost_usd=cost).applied
    assert callback(conn, "t-1", "500", p_cost_usd=cost).refunded

    for attempt in (failed, succeeded, called):
        assert generation(conn, attempt).cost_usd is None
        event = events(conn, attempt)[-1]
        assert event.cost_usd is None
        assert len(event.dropped) == 1
        assert event.dropped[0].startswith("p_cost_usd")


# --- a payload that is not valid ---

PAYLOADS = {
    "null": None,
    "JSON's null": "null",
    "a list": "[1, 2]",
    "a text": '"<html>502 Bad Gateway</html>"',
    "a number": "1e400",
    "nothing": "{}",
    "a megabyte": '{"data": "' + "x" * 1_000_000 + '"}',
    "deep": "[" * 500 + "]" * 500,
}


@pytest.mark.parametrize("known", [True, False], ids=["known task", "unknown task"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_callback_is_refused_over_its_payload(
    conn: psycopg.Connection[Any], payload: str, known: bool
) -> None:
    attempt = start(conn, 10, task="t-1" if known else None)

    conn.execute(
        "select * from credits.handle_provider_callback("
        "'nanobanana', 't-1', '500', 'failed', null, %s::text::jsonb)",
        (PAYLOADS[payload],),
    )
    if not known:
        attach(conn, attempt, "t-1")

    result = state(conn, attempt)
    assert (result.status, result.refunded, net(conn, attempt)) == ("failed", True, 0)
    stored = conn.execute(
        "select payload::text as text, octet_length(payload::text) as bytes"
        " from credits.generation_events where generation_id = %s and is_callback",
        (attempt.generation,),
    ).fetchone()
    assert stored is not None
    assert stored.bytes <= 65_536
    if payload in ("a list", "nothing", "JSON's null"):
        assert stored.text == PAYLOADS[payload]


@pytest.mark.parametrize(
    ("payload", "sqlstate"),
    [("<html>502</html>", "22P02"), ('{"code": 500', "22P02"), ('{"msg": "\\u0000"}', "22P05")],
    ids=["no JSON", "half of it", "a zero byte"],
)
def test_what_no_jsonb_can_hold_is_postgres_own_refusal(
    conn: psycopg.Connection[Any], payload: str, sqlstate: str
) -> None:
    """The caller hears of it, and can report the same without the payload: nothing is lost."""
    attempt = start(conn, 10, task="t-1")

    with no_trace(conn), refused(sqlstate):
        conn.execute(
            "select * from credits.handle_provider_callback("
            "'nanobanana', 't-1', '500', p_payload => %s::text::jsonb)",
            (payload,),
        )

    assert callback(conn, "t-1", "500").refunded
    assert refunds(conn, attempt) == [10]


@pytest.mark.parametrize(
    "metadata",
    ["null", "[1]", '"text"', "7", '{"k": "' + "x" * 20_000 + '"}'],
    ids=["JSON's null", "a list", "a text", "a number", "too much"],
)
def test_no_success_is_refused_over_its_metadata(
    conn: psycopg.Connection[Any], metadata: str
) -> None:
    attempt = start(conn, 10, p_metadata={"prompt": "a cat"})

    conn.execute(
        "select * from credits.complete_generation(%s, %s, 4, p_metadata => %s::text::jsonb)",
        (attempt.user, attempt.generation, metadata),
    )

    assert (state(conn, attempt).status, net(conn, attempt)) == ("succeeded", 4)
    assert generation(conn, attempt).metadata == {"prompt": "a cat"}
    assert events(conn, attempt)[-1].dropped == ["p_metadata"]


# --- the same task id for two generations ---


@pytest.mark.parametrize("same_user", [True, False], ids=["of one user", "of two users"])
def test_a_task_belongs_to_one_generation(conn: psycopg.Connection[Any], same_user: bool) -> None:
    first = start(conn, 10, task="t-1")
    second = start(conn, 10, user=first.user if same_user else None)

    with refused_without_trace(conn, "PT409", "provider_task_conflict", provider_task_id="t-1"):
        attach(conn, second, "t-1")

    # One failure refunds one of them.
    assert callback(conn, "t-1", "500").generation_id == first.generation
    assert (net(conn, first), net(conn, second)) == (0, 10)
    assert state(conn, second).status == "pending"


def test_also_where_two_users_chose_the_same_generation_id(
    conn: psycopg.Connection[Any],
) -> None:
    chosen = new_user()
    first = start(conn, 10, task="t-1", p_generation_id=chosen)
    second = start(conn, 10, p_generation_id=chosen)
    assert first.generation == second.generation

    with refused_without_trace(conn, "PT409", "provider_task_conflict"):
        attach(conn, second, "t-1")

    assert callback(conn, "t-1", "500").user_id == first.user
    assert (net(conn, first), net(conn, second)) == (0, 10)
    with refunds_broken(conn):
        fail(conn, second)
    assert rows(conn, "retry_failed_refunds") == [(second.user, chosen, 10, None)]
    assert rows(conn, "verify_ledger") == []


def test_also_once_either_has_finished(conn: psycopg.Connection[Any]) -> None:
    first, second = start(conn, task="t-1"), start(conn)
    complete(conn, first)
    fail(conn, second)

    with refused_without_trace(conn, "PT409", "provider_task_conflict"):
        attach(conn, second, "t-1")


def test_a_generation_in_flight_has_one_task(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")

    with refused_without_trace(
        conn, "PT409", "provider_task_conflict", provider_task_id="t-2", attached="t-1"
    ):
        attach(conn, attempt, "t-2")

    with no_trace(conn):
        assert attach(conn, attempt, "t-1").replayed


def test_two_providers_may_use_the_same_task_id(conn: psycopg.Connection[Any]) -> None:
    first = start(conn, 10, task="t-1")
    user = new_user()
    grant(conn, user, 10)
    other = call(conn, "start_generation", user, "seedream", "image", 10)
    call(conn, "attach_provider_task", user, other.generation_id, "t-1")

    assert callback(conn, "t-1", "500").generation_id == first.generation

    assert call(conn, "get_generation", user, other.generation_id).status == "processing"


# --- and what else one might try ---


def test_another_users_generation_is_not_found(conn: psycopg.Connection[Any]) -> None:
    attempt, thief = start(conn, 10), new_user()
    grant(conn, thief, 1)

    for function in ("fail_generation", "cancel_generation", "complete_generation"):
        with refused_without_trace(conn, "PT404", "generation_not_found"):
            call(conn, function, thief, attempt.generation)


def test_a_generation_that_failed_does_not_succeed_any_more(
    conn: psycopg.Connection[Any],
) -> None:
    """Deliver the result only where the answer is succeeded: it was given back."""
    attempt = start(conn, 10)
    fail(conn, attempt)

    result = complete(conn, attempt)

    assert (result.status, result.applied, result.refunded) == ("failed", False, True)


def test_a_success_cannot_be_failed_afterwards(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10, task="t-1")
    complete(conn, attempt)

    for report in (fail, cancel):
        result = report(conn, attempt)
        assert (result.status, result.applied, result.refunded) == ("succeeded", False, False)
    assert not callback(conn, "t-1", "500").applied

    assert net(conn, attempt) == 10
