from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.types.json import Jsonb

from objects.generations.outcomes import LONG, bill, raised, said
from support.api import call, rows
from support.attempts import (
    alerts,
    attach,
    callback,
    complete,
    events,
    fail,
    generation,
    refunds,
    start,
    story,
)
from support.books import BAD_DOLLARS, NOON, balance, each_refused
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

# What a callback for a task that nobody has attached returns.
WAITS = (None, None, None, None, None, None, None, False, None)
CODES = {
    "400": "content_policy_violation",
    "402": "provider_out_of_credits",
    "408": "timeout",
    "429": "rate_limited",
    "500": "internal_error",
    "501": "generation_failed",
    "503": "service_unavailable",
}


def _inbox(conn: psycopg.Connection[Any]) -> list[Any]:
    return conn.execute("select * from credits.provider_callbacks order by callback_id").fetchall()


def test_a_success_settles_at_the_charge(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, task="t-1")
    now = advance(conn, timedelta(minutes=1))

    result = callback(
        conn, "t-1", "200", p_message="done", p_cost_usd=Decimal("0.04"), p_payload={"url": "s3"}
    )

    assert result == said(attempt, "succeeded")
    row = generation(conn, attempt)
    assert (row.status, row.finished_at) == ("succeeded", now)
    assert (row.cost_usd, row.provider_billed) == (Decimal("0.04"), None)
    assert (row.error_type, row.error_code, row.error_message) == (None, None, None)
    event = events(conn, attempt)[-1]
    assert (event.event, event.status_before, event.applied) == ("success", "processing", True)
    assert (event.is_callback, event.code, event.message) == (True, "200", "done")
    assert (event.cost_usd, event.payload) == (Decimal("0.04"), {"url": "s3"})
    assert (event.created_at, event.dropped) == (now, None)
    assert refunds(conn, attempt) == []


@pytest.mark.parametrize("code", CODES)
def test_a_failure_refunds_and_says_so(conn: psycopg.Connection[Any], code: str) -> None:
    attempt = start(conn, task="t-1")

    result = callback(conn, "t-1", code, p_message="no", p_cost_usd=Decimal("0.04"))

    assert result == said(attempt, "failed", back=10)
    row = generation(conn, attempt)
    assert (row.error_type, row.error_code, row.error_message) == (CODES[code], code, "no")
    assert (row.cost_usd, row.refund_due_credits) == (Decimal("0.04"), 10)
    assert (refunds(conn, attempt), balance(conn, attempt.user)) == ([10], 100)
    assert alerts(conn, attempt.user) == []


def test_progress_is_an_event(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")

    assert callback(conn, "t-1", "202") == said(attempt, "processing", applied=False)

    assert story(conn, attempt)[-1] == ("progress", False)


def test_a_providers_own_code_comes_before_that_of_all(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")
    conn.execute("delete from credits.provider_error_codes where provider = 'nanobanana'")

    assert callback(conn, "t-1", "400").refunded

    assert generation(conn, attempt).error_type == "invalid_request"
    # Again with a row of its own, which may also say something quite different.
    conn.execute(
        "insert into credits.provider_error_codes values ('nanobanana', '500', 'succeeded', null)"
    )
    other = start(conn, task="t-2")
    assert callback(conn, "t-2", "500") == said(other, "succeeded")


def test_code_and_provider_may_have_spaces_around(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")

    result = call(conn, "handle_provider_callback", "  NanoBanana ", "t-1", " 500 ")

    assert result == said(attempt, "failed", back=10)
    assert generation(conn, attempt).error_code == "500"


@pytest.mark.parametrize("code", [None, "", "  ", "999", "2OO", LONG])
def test_an_unknown_code_is_kept_and_left_to_the_deadline(
    conn: psycopg.Connection[Any], code: str | None
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, task="t-1")
    before = generation(conn, attempt)

    for n in (1, 2):
        result = callback(
            conn, "t-1", code, p_message=LONG, p_cost_usd=Decimal("0.04"), p_payload={"a": n}
        )
        assert result == said(attempt, "processing", applied=False)
        assert raised(conn, attempt) == {"callback_unclassified": n}

    assert generation(conn, attempt) == before._replace(last_event_no=4)
    event = events(conn, attempt)[-1]
    assert (event.event, event.status_before, event.applied) == (
        "unclassified",
        "processing",
        False,
    )
    assert event.code == (None if code is None else code.strip()[:500])
    assert (event.is_callback, event.message) == (True, "x" * 1000)
    assert (event.cost_usd, event.payload) == (Decimal("0.04"), {"a": 2})
    advance(conn, timedelta(hours=1))
    rows(conn, "sweep_stuck_generations")
    assert (generation(conn, attempt).status, refunds(conn, attempt)) == ("timed_out", [10])


def test_an_unknown_code_of_a_finished_one_changes_nothing(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, task="t-1")
    callback(conn, "t-1", "500")

    assert callback(conn, "t-1", "999") == said(attempt, "failed", back=10, applied=False)
    assert raised(conn, attempt) == {"callback_unclassified": 1}


# --- again, late, out of order ---


@pytest.mark.parametrize(
    ("code", "status", "back"), [("200", "succeeded", 0), ("500", "failed", 10)]
)
def test_a_duplicate_is_a_replay_and_kept_once(
    conn: psycopg.Connection[Any], code: str, status: str, back: int
) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, task="t-1")
    callback(conn, "t-1", code)
    settled = generation(conn, attempt)

    for repeats in (0, 1, 2):
        result = callback(conn, "t-1", code)
        assert result == said(attempt, status, back=back, applied=False, replayed=True)
        assert generation(conn, attempt) == settled._replace(
            last_event_no=4,
            repeated_reports=repeats,
            last_repeated_at=NOON if repeats else None,
        )

    assert [event.is_callback for event in events(conn, attempt)][2:] == [True] * 2
    assert refunds(conn, attempt) == ([back] if back else [])
    assert alerts(conn, attempt.user) == []


def test_a_success_after_a_failure_keeps_the_refund(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")
    callback(conn, "t-1", "500")

    for n in (1, 2):
        late = callback(conn, "t-1", "200", p_cost_usd=Decimal("0.04"))
        assert late == said(attempt, "failed", back=10, applied=False)
        assert raised(conn, attempt) == {"late_success_after_refund": n}

    assert bill(conn, attempt) == (Decimal("0.04"), True)
    assert generation(conn, attempt).error_type == "internal_error"


def test_a_failure_after_a_success_refunds_nothing(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")
    callback(conn, "t-1", "200")

    assert callback(conn, "t-1", "500") == said(attempt, "succeeded", applied=False)

    assert raised(conn, attempt) == {"conflicting_failure": 1}
    assert refunds(conn, attempt) == []


@pytest.mark.parametrize(("code", "event"), [("202", "progress"), ("999", "unclassified")])
def test_what_comes_after_the_end_is_an_event(
    conn: psycopg.Connection[Any], code: str, event: str
) -> None:
    attempt = start(conn, task="t-1")
    complete(conn, attempt)

    assert callback(conn, "t-1", code) == said(attempt, "succeeded", applied=False)
    assert story(conn, attempt)[-1] == (event, False)


# --- tasks that nobody knows ---


def test_whichever_comes_first_makes_the_tasks_row(conn: psycopg.Connection[Any]) -> None:
    tasks = "select t.user_id, t.generation_id, t.created_at from credits.provider_tasks as t"
    set_clock(conn, NOON)
    attempt = start(conn)

    callback(conn, "t-1", "202")
    callback(conn, "t-1", "202")
    assert conn.execute(tasks).fetchall() == [(None, None, NOON)]

    now = advance(conn, timedelta(minutes=1))
    attach(conn, attempt, "t-1")
    assert conn.execute(tasks).fetchall() == [(attempt.user, attempt.generation, now)]


def test_a_callback_of_an_unknown_task_waits(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn)
    before = generation(conn, attempt)

    for code in ("202", "500"):
        now = advance(conn, timedelta(minutes=1))
        result = call(
            conn,
            "handle_provider_callback",
            " NanoBanana",
            "t-1",
            code,
            "m",
            Decimal("0.04"),
            {"a": 1},
        )
        assert result == WAITS

    first, second = _inbox(conn)
    assert first[:3] == ("nanobanana", "t-1", first.callback_id)
    assert (first.code, second.code) == ("202", "500")
    assert (second.received_at, second.message) == (now, "m")
    assert (second.cost_usd, second.payload) == (Decimal("0.04"), {"a": 1})
    assert generation(conn, attempt) == before


def test_a_mapping_made_after_the_end_is_found(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    fail(conn, attempt)
    attach(conn, attempt, "t-1")

    late = callback(conn, "t-1", "200", p_cost_usd=Decimal("0.04"))

    assert late == said(attempt, "failed", back=10, applied=False)
    assert bill(conn, attempt) == (Decimal("0.04"), True)
    assert _inbox(conn) == []


def test_another_providers_task_of_that_name_is_another(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, task="t-1")

    assert call(conn, "handle_provider_callback", "other", "t-1", "500") == WAITS
    assert generation(conn, attempt).status == "processing"


# --- bad input ---


def test_provider_and_task_must_be_named(conn: psycopg.Connection[Any]) -> None:
    start(conn, task="t-1")

    each_refused(
        conn,
        "p_provider",
        [None, "", "  ", "p" * 101, LONG],
        lambda provider: call(conn, "handle_provider_callback", provider, "t-1", "500"),
    )
    each_refused(
        conn,
        "p_provider_task_id",
        [None, "", "  ", "t" * 501, LONG],
        lambda task: call(conn, "handle_provider_callback", "nanobanana", task, "500"),
    )


@pytest.mark.parametrize("waits", [False, True])
def test_nothing_else_is_needed(conn: psycopg.Connection[Any], waits: bool) -> None:
    attempt = start(conn, task=None if waits else "t-1")

    callback(conn, "t-1", "500", p_message=None, p_cost_usd=None, p_payload=None)
    if waits:
        attach(conn, attempt, "t-1")

    event = next(event for event in events(conn, attempt) if event.event == "failure")
    assert (event.message, event.cost_usd, event.payload) == (None, None, {})
    assert refunds(conn, attempt) == [10]


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("payload", ["[1, 2]", '"text"', "1", "true", "null", "[]", "{}"])
def test_any_payload_is_kept(conn: psycopg.Connection[Any], payload: str, waits: bool) -> None:
    attempt = start(conn, task=None if waits else "t-1")

    callback(conn, "t-1", "500", p_payload=Jsonb(json.loads(payload)))
    if waits:
        attach(conn, attempt, "t-1")

    event = next(event for event in events(conn, attempt) if event.event == "failure")
    assert event.payload == json.loads(payload)
    assert refunds(conn, attempt) == [10]


@pytest.mark.parametrize("waits", [False, True])
def test_what_is_long_is_cut(conn: psycopg.Connection[Any], waits: bool) -> None:
    attempt = start(conn, task=None if waits else "t-1")
    fits = {"k": "x" * (65_536 - len('{"k": ""}'))}

    callback(conn, "t-1", "202", p_message=LONG, p_payload={"k": LONG})
    callback(conn, "t-1", "500", p_message=LONG, p_payload=fits)
    if waits:
        attach(conn, attempt, "t-1")

    cut, kept = events(conn, attempt)[-2:]
    assert (len(cut.message), len(cut.payload)) == (1000, 16_384)
    assert cut.payload.startswith('{"k": "xxx')
    assert kept.payload == fits
    assert refunds(conn, attempt) == [10]


@pytest.mark.parametrize("waits", [False, True], ids=["known", "waiting"])
@pytest.mark.parametrize("code", ["200", "202", "500", "999"])
@pytest.mark.parametrize("cost", BAD_DOLLARS)
def test_a_cost_that_makes_no_sense_is_dropped_and_noted(
    conn: psycopg.Connection[Any], cost: Decimal, code: str, waits: bool
) -> None:
    attempt = start(conn, task=None if waits else "t-1")

    callback(conn, "t-1", code, p_cost_usd=cost)
    if waits:
        attach(conn, attempt, "t-1")

    assert bill(conn, attempt) == (None, None)
    event = events(conn, attempt)[-1]
    assert (event.code, event.cost_usd) == (code, None)
    assert [note.split()[0] for note in event.dropped or []] == ["p_cost_usd"]
