from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.types.json import Jsonb

from objects.generations.outcomes import LONG, begin, said
from support.api import call, new_user, refused
from support.attempts import (
    Attempt,
    attach,
    cancel,
    complete,
    events,
    fail,
    generation,
    start,
    state,
)
from support.books import (
    BAD_CREDITS,
    BAD_DOLLARS,
    BAD_METADATA,
    LONGEST_METADATA,
    MOST_CREDITS,
    NOON,
    Books,
    books,
    each_refused,
    entries,
    grant,
    last_entry,
    no_trace,
    refused_argument,
    refused_without_trace,
    settle_for,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    import psycopg

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BAD_WORDS = [None, "", "  ", "w" * 101, LONG]


def _rich(conn: psycopg.Connection[Any], credit: int = 100) -> UUID:
    user = new_user()
    grant(conn, user, credit)
    return user


def _row(conn: psycopg.Connection[Any], result: Any) -> Any:
    return generation(conn, Attempt(result.user_id, result.generation_id, result.generation_id))


def _set_price(
    conn: psycopg.Connection[Any], cost: str, since: datetime, provider: str = "nanobanana"
) -> None:
    conn.execute(
        "insert into credits.provider_prices values (%s, 'image', %s, %s)", (provider, since, cost)
    )


def test_a_start_charges_and_records_in_one_act(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    user, chosen = _rich(conn), new_user()
    now = advance(conn, HOUR)

    result = begin(
        conn,
        user,
        12,
        p_generation_id=chosen,
        p_quoted_cost_usd=Decimal("0.039"),
        p_timeout=timedelta(minutes=7),
        p_metadata={"model": "xl"},
    )

    assert result == (chosen, user, "pending", 12, 0, False, 88, True, False)
    assert books(conn, user) == Books(
        balance=88,
        ledger=[("grant", 100, 100), ("deduction", -12, 88)],
        lots=[("goodwill", 100, 88)],
    )
    charge = last_entry(conn, user)
    assert (charge.generation_id, charge.cost_usd) == (chosen, Decimal("0.039"))
    assert (charge.reason, charge.idempotency_key, charge.metadata) == (None, None, {})
    row = _row(conn, result)
    assert (row.charge_transaction_id, row.credits_charged) == (charge.transaction_id, 12)
    assert (row.status, row.provider, row.generation_type) == ("pending", "nanobanana", "image")
    assert (row.created_at, row.deadline_at) == (now, now + timedelta(minutes=7))
    assert (row.submitted_at, row.finished_at, row.provider_task_id) == (None, None, None)
    assert (row.refund_due_credits, row.refund_owed_since, row.owed_review) == (0, None, False)
    assert (row.quoted_cost_usd, row.cost_usd, row.provider_billed) == (
        Decimal("0.039"),
        None,
        None,
    )
    assert (row.error_type, row.error_code, row.error_message) == (None, None, None)
    assert (row.retry_of, row.metadata, row.last_event_no) == (None, {"model": "xl"}, 1)
    (event,) = events(conn, Attempt(user, chosen, charge.transaction_id))
    assert (event.event_no, event.event, event.status_before) == (1, "started", None)
    assert (event.applied, event.is_callback, event.created_at) == (True, False, now)
    assert (event.credits, event.cost_usd, event.payload) == (12, Decimal("0.039"), {})


def test_null_stands_for_each_default(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    user = _rich(conn)

    result = begin(
        conn,
        user,
        p_generation_id=None,
        p_quoted_cost_usd=None,
        p_timeout=None,
        p_retry_of=None,
        p_metadata=None,
    )

    row = _row(conn, result)
    assert result.generation_id.version == 7
    assert (row.metadata, row.quoted_cost_usd, row.retry_of) == ({}, None, None)
    assert row.deadline_at == NOON + HOUR
    assert last_entry(conn, user).cost_usd is None


def test_each_start_without_an_id_is_a_generation_of_its_own(conn: psycopg.Connection[Any]) -> None:
    user = _rich(conn)

    first, second = begin(conn, user), begin(conn, user)

    assert first.generation_id != second.generation_id
    assert (first.balance, second.balance) == (90, 80)


def test_all_that_a_user_has_may_be_spent(conn: psycopg.Connection[Any]) -> None:
    user = _rich(conn, MOST_CREDITS)

    assert begin(conn, user, MOST_CREDITS).balance == 0

    assert begin(conn, _rich(conn, 1), 1).balance == 0


@pytest.mark.parametrize("provider", ["NanoBanana", "  nanobanana ", "NANOBANANA  "])
def test_the_providers_name_is_normalised(conn: psycopg.Connection[Any], provider: str) -> None:
    user = _rich(conn)
    _set_price(conn, "0.04", NOON - 10_000 * DAY)

    result = begin(conn, user, p_provider=provider, p_generation_type=" image ")

    row = _row(conn, result)
    assert (row.provider, row.generation_type) == ("nanobanana", "image")
    assert row.quoted_cost_usd == Decimal("0.04")


# --- quotes and deadlines ---


def test_the_quote_is_the_price_in_force(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    _set_price(conn, "0.01", NOON - 2 * DAY)
    _set_price(conn, "0.02", NOON)
    _set_price(conn, "0.03", NOON + timedelta(microseconds=1))
    _set_price(conn, "9", NOON - HOUR, provider="other")
    user = _rich(conn)

    result = begin(conn, user)

    assert _row(conn, result).quoted_cost_usd == Decimal("0.02")
    assert last_entry(conn, user).cost_usd == Decimal("0.02")
    # It is the one of its start, whatever comes later.
    advance(conn, HOUR)
    assert _row(conn, begin(conn, user)).quoted_cost_usd == Decimal("0.03")
    assert _row(conn, result).quoted_cost_usd == Decimal("0.02")


def test_a_price_of_the_future_or_of_another_type_is_no_quote(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, NOON)
    _set_price(conn, "0.03", NOON + HOUR)
    conn.execute(
        "insert into credits.provider_prices values ('nanobanana', 'video', %s, 1)", (NOON - HOUR,)
    )
    user = _rich(conn)

    assert _row(conn, begin(conn, user)).quoted_cost_usd is None
    assert last_entry(conn, user).cost_usd is None


@pytest.mark.parametrize("quote", ["0", "0.05", "999999999.999999"])
def test_a_given_quote_wins(conn: psycopg.Connection[Any], quote: str) -> None:
    _set_price(conn, "0.04", NOON - 10_000 * DAY)
    user = _rich(conn)

    result = begin(conn, user, p_quoted_cost_usd=Decimal(quote))

    assert _row(conn, result).quoted_cost_usd == Decimal(quote)
    assert last_entry(conn, user).cost_usd == Decimal(quote)


def test_the_deadline_is_the_settings_where_none_is_given(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    settle_for(conn, default_generation_timeout=timedelta(minutes=90))
    user = _rich(conn)

    assert _row(conn, begin(conn, user)).deadline_at == NOON + timedelta(minutes=90)
    given = begin(conn, user, p_timeout=timedelta(microseconds=1))
    assert _row(conn, given).deadline_at == NOON + timedelta(microseconds=1)
    given = begin(conn, user, p_timeout=timedelta(days=366))
    assert _row(conn, given).deadline_at == NOON + timedelta(days=366)


# --- replays ---


def _pend(_conn: psycopg.Connection[Any], _attempt: Attempt) -> None:
    """It stays as it is."""


LIVES: dict[str, tuple[Callable[[psycopg.Connection[Any], Attempt], Any], int]] = {
    "pending": (_pend, 0),
    "processing": (lambda conn, attempt: attach(conn, attempt, "t-1"), 0),
    "succeeded": (lambda conn, attempt: complete(conn, attempt, 7), 3),
    "failed": (fail, 10),
    "cancelled": (cancel, 10),
}


@pytest.mark.parametrize("status", LIVES)
def test_the_same_start_again_returns_the_generation_as_it_stands(
    conn: psycopg.Connection[Any], status: str
) -> None:
    attempt = start(conn, p_generation_id=new_user())
    live, back = LIVES[status]
    live(conn, attempt)

    with no_trace(conn):
        # What only describes may differ.
        again = begin(
            conn,
            attempt.user,
            p_generation_id=attempt.generation,
            p_provider=" NanoBanana",
            p_quoted_cost_usd=1,
            p_timeout=DAY,
            p_retry_of=new_user(),
            p_metadata={"other": 1},
        )

    assert again == said(attempt, status, back=back, applied=False, replayed=True)


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("p_credits", {"price": 11}),
        ("p_provider", {"p_provider": "other"}),
        ("p_generation_type", {"p_generation_type": "video"}),
        ("p_generation_type", {"p_generation_type": "Image"}),
    ],
)
def test_another_start_under_the_id_is_a_conflict(
    conn: psycopg.Connection[Any], field: str, changed: dict[str, Any]
) -> None:
    attempt = start(conn)

    with refused_without_trace(
        conn, "PT409", "idempotency_conflict", key=str(attempt.generation), field=field
    ):
        begin(conn, attempt.user, p_generation_id=attempt.generation, **changed)


def test_two_users_may_choose_the_same_id(conn: psycopg.Connection[Any]) -> None:
    attempt, other = start(conn), _rich(conn)

    result = begin(conn, other, 20, p_generation_id=attempt.generation)

    assert (result.applied, result.balance, result.user_id) == (True, 80, other)


def test_an_id_stays_free_when_its_start_was_refused(conn: psycopg.Connection[Any]) -> None:
    user, chosen = _rich(conn, 5), new_user()
    with refused_without_trace(conn, "PT402", "insufficient_credits"):
        begin(conn, user, p_generation_id=chosen)

    assert begin(conn, user, 5, p_generation_id=chosen).applied


# --- retries ---


def test_a_retry_is_a_new_generation_charged_anew(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    fail(conn, attempt)

    result = begin(conn, attempt.user, p_retry_of=attempt.generation)

    assert (result.applied, result.balance) == (True, 90)
    assert result.generation_id != attempt.generation
    assert _row(conn, result).retry_of == attempt.generation
    assert state(conn, attempt).credits_refunded == 10


def test_only_the_users_own_generation_can_be_tried_again(conn: psycopg.Connection[Any]) -> None:
    foreign, user, unknown = start(conn), _rich(conn), new_user()

    for retried in (unknown, foreign.generation):
        with refused_without_trace(
            conn, "PT404", "generation_not_found", generation_id=str(retried)
        ):
            begin(conn, user, p_retry_of=retried)
    with refused_without_trace(conn, "PT404", "generation_not_found"):
        begin(conn, user, p_generation_id=unknown, p_retry_of=unknown)


# --- users who cannot pay ---


def test_a_start_that_cannot_be_paid_leaves_nothing(conn: psycopg.Connection[Any]) -> None:
    user, nobody = _rich(conn, 9), new_user()

    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=9, required=10):
        begin(conn, user)
    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=0, required=10):
        begin(conn, nobody, p_generation_id=new_user())


def test_a_frozen_user_starts_nothing(conn: psycopg.Connection[Any]) -> None:
    user = _rich(conn)
    call(conn, "freeze_user_credits", user, "fraud")

    with refused_without_trace(conn, "PT403", "account_frozen", reason="fraud"):
        begin(conn, user)
    call(conn, "unfreeze_user_credits", user)
    assert begin(conn, user).applied


def test_expired_credits_pay_for_nothing(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    user = new_user()
    grant(conn, user, 10, p_expires_at=NOON + HOUR)
    grant(conn, user, 15)
    advance(conn, HOUR)

    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=15, required=16):
        begin(conn, user, 16)
    assert begin(conn, user, 15).balance == 0

    assert books(conn, user) == Books(
        balance=0,
        ledger=[("grant", 10, 10), ("grant", 15, 25), ("expiry", -10, 15), ("deduction", -15, 0)],
        lots=[("goodwill", 10, 0), ("goodwill", 15, 0)],
    )


def test_a_replay_counts_what_has_expired_meanwhile(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    user = new_user()
    grant(conn, user, 100, p_expires_at=NOON + HOUR)
    started = begin(conn, user)
    advance(conn, HOUR)

    with no_trace(conn):
        again = begin(conn, user, p_generation_id=started.generation_id)
    assert (again.balance, again.replayed) == (0, True)


# --- the order of judgement ---


def test_refusals_come_in_their_order(conn: psycopg.Connection[Any]) -> None:
    """Arguments, replay or conflict, PT404, PT403, PT402."""
    attempt, unknown = start(conn), new_user()
    user, known = attempt.user, attempt.generation
    call(conn, "freeze_user_credits", user, "fraud")

    with refused_argument(conn, "p_credits"):
        begin(conn, user, 0, p_generation_id=known)
    with no_trace(conn):
        assert begin(conn, user, p_generation_id=known, p_retry_of=unknown).replayed
    with refused_without_trace(conn, "PT409", "idempotency_conflict"):
        begin(conn, user, 500, p_generation_id=known, p_retry_of=unknown)
    with refused_without_trace(conn, "PT404", "generation_not_found"):
        begin(conn, user, 500, p_retry_of=unknown)
    with refused_without_trace(conn, "PT403", "account_frozen"):
        begin(conn, user, 500, p_retry_of=known)
    call(conn, "unfreeze_user_credits", user)
    with refused_without_trace(conn, "PT402", "insufficient_credits"):
        begin(conn, user, 500, p_retry_of=known)


# --- bad input ---


def test_a_start_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "start_generation", None, "nanobanana", "image", 10)


def test_a_price_that_is_none_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = _rich(conn)

    each_refused(conn, "p_credits", [None, *BAD_CREDITS], lambda price: begin(conn, user, price))
    with no_trace(conn), refused("42883"):
        begin(conn, user, 2**63)


@pytest.mark.parametrize("argument", ["p_provider", "p_generation_type"])
def test_a_blank_or_too_long_name_is_refused(conn: psycopg.Connection[Any], argument: str) -> None:
    user = _rich(conn)

    each_refused(conn, argument, BAD_WORDS, lambda word: begin(conn, user, **{argument: word}))
    assert begin(conn, user, **{argument: "w" * 100}).applied


def test_dollars_that_are_none_are_refused(conn: psycopg.Connection[Any]) -> None:
    user = _rich(conn)

    each_refused(
        conn,
        "p_quoted_cost_usd",
        [*BAD_DOLLARS, Decimal("999999999.9999995")],
        lambda cost: begin(conn, user, p_quoted_cost_usd=cost),
    )


def _start_with_timeout(conn: psycopg.Connection[Any], user: UUID, timeout: str) -> None:
    conn.execute(
        "select * from credits.start_generation("
        "%s, 'nanobanana', 'image', 10, p_timeout => %s::interval)",
        (user, timeout),
    )


@pytest.mark.parametrize(
    "timeout",
    ["0", "-1 hour", "-1 microsecond", "367 days", "366 days 1 us", "13 months", "-1 mon"],
)
def test_a_timeout_that_makes_no_sense_is_refused(
    conn: psycopg.Connection[Any], timeout: str
) -> None:
    user = _rich(conn)

    with refused_argument(conn, "p_timeout"):
        _start_with_timeout(conn, user, timeout)


@pytest.mark.parametrize("timeout", ["infinity", "-infinity"])
def test_so_is_one_that_never_ends(conn: psycopg.Connection[Any], timeout: str) -> None:
    user = _rich(conn)
    knows_infinity = conn.info.server_version >= 170_000

    with (
        no_trace(conn),
        refused("PT422" if knows_infinity else "22007", *_argument(knows_infinity)),
    ):
        _start_with_timeout(conn, user, timeout)


def _argument(ours: bool) -> list[str]:
    """Intervals know no infinity before PostgreSQL 17: then the refusal is the server's."""
    return ["invalid_argument"] if ours else []


def test_metadata_that_is_no_small_object_is_refused(conn: psycopg.Connection[Any]) -> None:
    user = _rich(conn)

    each_refused(
        conn,
        "p_metadata",
        BAD_METADATA,
        lambda metadata: begin(conn, user, p_metadata=Jsonb(json.loads(metadata))),
    )
    assert begin(conn, user, p_metadata=LONGEST_METADATA).applied


def test_one_charge_for_each_start_and_none_for_a_refused_one(
    conn: psycopg.Connection[Any],
) -> None:
    user = _rich(conn, 25)
    ids = [begin(conn, user).generation_id for _ in range(2)]
    with refused_without_trace(conn, "PT402", "insufficient_credits"):
        begin(conn, user)

    charges = [e for e in entries(conn, user) if e.transaction_type == "deduction"]
    assert [charge.generation_id for charge in charges] == ids
