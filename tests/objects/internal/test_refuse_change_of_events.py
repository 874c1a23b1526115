"""Events are append-only, for their owner, too; redaction is the one change let through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.api import value
from support.attempts import Attempt, callback, complete, events, start
from support.books import refused_without_trace

if TYPE_CHECKING:
    import psycopg

_REDACTED = "message = null, payload = '{}', dropped = null, redacted_at = now()"

CHANGES = {
    "what happened": "update credits.generation_events set event = 'failure'",
    "whether it was applied": "update credits.generation_events set applied = not applied",
    "a message": "update credits.generation_events set message = 'another'",
    "a message, to none": "update credits.generation_events set message = null",
    "a payload": "update credits.generation_events set payload = '{\"a\": 2}'",
    "nothing at all": "update credits.generation_events set code = code",
    "a redaction without its mark": (
        "update credits.generation_events set message = null, payload = '{}', dropped = null"
    ),
    "the mark of a redaction only": "update credits.generation_events set redacted_at = now()",
    "the mark of a purge only": "update credits.generation_events set payload_purged_at = now()",
    "a payload without its mark": "update credits.generation_events set payload = '{}'",
    "a payload, called purged": (
        "update credits.generation_events set payload = '{\"a\": 2}', payload_purged_at = now()"
    ),
    "a message beside a purge": (
        "update credits.generation_events set payload = '{}', message = null,"
        " payload_purged_at = now()"
    ),
    "a message, called redacted": (
        "update credits.generation_events set message = 'x', payload = '{}', dropped = null,"
        " redacted_at = now()"
    ),
    "a payload, called redacted": (
        "update credits.generation_events set message = null, dropped = null,"
        " redacted_at = now(), payload = '{\"a\": 2}'"
    ),
    **{
        f"{column} beside a redaction": (
            f"update credits.generation_events set {_REDACTED}, {column} = {other}"
        )
        for column, other in {
            "user_id": "gen_random_uuid()",
            "generation_id": "gen_random_uuid()",
            "event_no": "event_no + 10",
            "event": "'failure'",
            "status_before": "'cancelled'",
            "applied": "not applied",
            "is_callback": "not is_callback",
            "created_at": "created_at + interval '1 microsecond'",
            "credits": "coalesce(credits, 0) + 1",
            "cost_usd": "coalesce(cost_usd, 0) + 1",
            "provider_billed": "not coalesce(provider_billed, false)",
            "error_type": "'timeout'",
            "code": "'another'",
        }.items()
    },
    "by deleting": "delete from credits.generation_events",
    "by emptying": "truncate credits.generation_events",
    "by upserting": (
        "insert into credits.generation_events select * from credits.generation_events"
        " on conflict (user_id, generation_id, event_no) do update set credits = 1000"
    ),
    "by merging": (
        "merge into credits.generation_events as t using (select 1) as s on true"
        " when matched then delete"
    ),
}


@pytest.fixture
def attempt(conn: psycopg.Connection[Any]) -> Attempt:
    attempt = start(conn, task="t-1")
    callback(conn, "t-1", "202", p_message="of a cat", p_payload={"a": 1})
    complete(conn, attempt, p_cost_usd="NaN")
    assert events(conn, attempt)[-1].dropped
    return attempt


@pytest.mark.parametrize("change", CHANGES)
def test_the_owner_cannot_change_them(
    conn: psycopg.Connection[Any], attempt: Attempt, change: str
) -> None:
    # Whatever the session plays: replica is what restores and replication use.
    for role in ("origin", "replica", "local"):
        conn.execute(f"set session_replication_role = {role}")
        with refused_without_trace(conn, "23001", "append_only") as refusal:
            conn.execute(CHANGES[change])
        assert refusal.error is not None
        assert "fail_generation" in (refusal.error.diag.message_hint or "")


def test_a_redaction_is_let_through_once(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    before = events(conn, attempt)
    at = before[0].created_at

    conn.execute(
        "update credits.generation_events set message = null, payload = '{}', dropped = null,"
        " redacted_at = %s where event_no >= 3",
        (at,),
    )

    after = events(conn, attempt)
    assert after[:2] == before[:2]
    assert after[2:] == [
        event._replace(message=None, payload={}, dropped=None, redacted_at=at)
        for event in before[2:]
    ]
    for change in ("redacted_at = now()", "redacted_at = null"):
        with refused_without_trace(conn, "23001", "append_only"):
            conn.execute(f"update credits.generation_events set {change} where event_no = 3")


def test_a_payload_is_let_go_once_and_its_event_can_be_redacted_still(
    conn: psycopg.Connection[Any], attempt: Attempt
) -> None:
    before = events(conn, attempt)[2]
    purge = (
        "update credits.generation_events set payload = '{}', payload_purged_at = created_at"
        " where event_no = 3"
    )
    conn.execute(purge)

    purged = before._replace(payload={}, payload_purged_at=before.created_at)
    assert events(conn, attempt)[2] == purged
    with refused_without_trace(conn, "23001", "append_only"):
        conn.execute(purge)
    value(conn, "redact_user", attempt.user)
    redacted = events(conn, attempt)[2]
    assert redacted == purged._replace(message=None, redacted_at=redacted.redacted_at)


def test_redact_user_is_such_a_redaction(conn: psycopg.Connection[Any], attempt: Attempt) -> None:
    other = start(conn, task="t-2")
    callback(conn, "t-2", "202", p_message="of a dog")
    others = events(conn, other)

    assert value(conn, "redact_user", attempt.user) == 2

    assert {(e.message, str(e.payload), e.dropped) for e in events(conn, attempt)} == {
        (None, "{}", None)
    }
    assert events(conn, other) == others


def test_the_triggers_are_always_on(conn: psycopg.Connection[Any]) -> None:
    found = conn.execute(
        "select tgname, tgenabled, pg_get_triggerdef(oid) as definition from pg_trigger"
        " where tgrelid = 'credits.generation_events'::regclass and not tgisinternal"
        " order by tgname"
    ).fetchall()

    assert [(trigger.tgname, trigger.tgenabled) for trigger in found] == [
        ("refuse_change", "A"),
        ("refuse_truncate", "A"),
    ]
    assert "BEFORE DELETE OR UPDATE ON credits.generation_events FOR EACH ROW" in (
        found[0].definition
    )
    assert "BEFORE TRUNCATE ON credits.generation_events FOR EACH STATEMENT" in (
        found[1].definition
    )
