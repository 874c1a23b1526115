from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from support.api import call, new_user, value
from support.books import BAD_METADATA, LONGEST_METADATA, NOON, each_refused
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

PLATFORM = UUID(int=0)


def _raise(conn: psycopg.Connection[Any], *args: Any, **named: Any) -> UUID:
    alert_id: UUID = value(conn, "raise_alert", *args, **named)
    return alert_id


def _alerts(conn: psycopg.Connection[Any]) -> list[Any]:
    return conn.execute("select * from credits.system_alerts order by alert_id").fetchall()


def test_an_alert_keeps_what_it_was_told(conn: psycopg.Connection[Any]) -> None:
    now = set_clock(conn, NOON)
    user, generation_id = new_user(), new_user()

    alert_id = _raise(
        conn,
        "queue_full",
        "2,000 jobs wait",
        user,
        "queue-1",
        "error",
        generation_id,
        " NanoBanana ",
        {"jobs": 2000},
    )

    (alert,) = _alerts(conn)
    assert (alert.user_id, alert.alert_id, alert_id.version) == (user, alert_id, 7)
    assert (alert.type, alert.level, alert.message) == ("queue_full", "error", "2,000 jobs wait")
    assert (alert.dedup_key, alert.generation_id) == ("queue-1", generation_id)
    assert (alert.provider, alert.metadata) == ("nanobanana", {"jobs": 2000})
    assert (alert.occurrences, alert.created_at) == (1, now)
    assert (alert.first_seen_at, alert.last_seen_at) == (now, now)
    assert (alert.acknowledged_at, alert.resolved_at) == (None, None)


def test_null_stands_for_each_default(conn: psycopg.Connection[Any]) -> None:
    _raise(
        conn,
        "queue_full",
        "jobs wait",
        p_dedup_key=None,
        p_level=None,
        p_generation_id=None,
        p_provider=None,
        p_metadata=None,
    )

    (alert,) = _alerts(conn)
    assert (alert.user_id, alert.level, alert.dedup_key) == (PLATFORM, "warning", "")
    assert (alert.generation_id, alert.provider, alert.metadata) == (None, None, {})


def test_the_same_alert_again_is_counted(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    first = _raise(conn, "queue_full", "2 jobs wait", p_metadata={"jobs": 2})
    late = advance(conn, timedelta(minutes=1))

    again = _raise(conn, "queue_full", "3 jobs wait", p_metadata={"jobs": 3})

    assert again == first
    (alert,) = _alerts(conn)
    assert (alert.occurrences, alert.first_seen_at, alert.last_seen_at) == (2, NOON, late)
    assert (alert.created_at, alert.message, alert.metadata) == (NOON, "3 jobs wait", {"jobs": 3})


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("info", "warning", "warning"),
        ("warning", "error", "error"),
        ("error", "critical", "critical"),
        ("critical", "info", "critical"),
        ("error", None, "error"),
        ("info", None, "warning"),
    ],
)
def test_an_open_alert_escalates_and_does_not_calm_down(
    conn: psycopg.Connection[Any], first: str, second: str | None, kept: str
) -> None:
    _raise(conn, "queue_full", "m", p_level=first)
    _raise(conn, "queue_full", "m", p_level=second)

    assert [alert.level for alert in _alerts(conn)] == [kept]


def test_user_type_and_key_make_an_alert_of_its_own(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    different = {
        _raise(conn, "queue_full", "m"),
        _raise(conn, "disk_full", "m"),
        _raise(conn, "queue_full", "m", user),
        _raise(conn, "queue_full", "m", p_dedup_key="1"),
        _raise(conn, "queue_full", "m", user, "1"),
    }

    assert len(different) == 5
    assert [alert.occurrences for alert in _alerts(conn)] == [1] * 5


def test_once_resolved_the_next_is_a_new_one(conn: psycopg.Connection[Any]) -> None:
    first = _raise(conn, "queue_full", "m")
    conn.execute("update credits.system_alerts set resolved_at = now()")

    second = _raise(conn, "queue_full", "m")

    assert second != first
    assert [alert.resolved_at is None for alert in _alerts(conn)] == [False, True]


def test_a_long_key_is_cut(conn: psycopg.Connection[Any]) -> None:
    _raise(conn, "queue_full", "m", p_dedup_key="k" * 100_000)

    assert [alert.dedup_key for alert in _alerts(conn)] == ["k" * 200]


@pytest.mark.parametrize(
    ("argument", "bad"),
    [
        ("p_type", [None, "", "  ", "t" * 101]),
        ("p_message", [None, "", "  ", "m" * 2001]),
        ("p_level", ["", "WARNING", "fatal", "x" * 100_000]),
        ("p_user_id", [None]),
        ("p_metadata", [Jsonb(json.loads(text)) for text in BAD_METADATA]),
    ],
)
def test_what_makes_no_sense_is_refused(
    conn: psycopg.Connection[Any], argument: str, bad: list[Any]
) -> None:
    good = {"p_type": "queue_full", "p_message": "m"}

    each_refused(
        conn, argument, bad, lambda value: call(conn, "raise_alert", **{**good, argument: value})
    )


def test_the_longest_that_is_allowed_is_taken(conn: psycopg.Connection[Any]) -> None:
    _raise(conn, "t" * 100, "m" * 2000, p_metadata=LONGEST_METADATA)

    (alert,) = _alerts(conn)
    assert (len(alert.type), len(alert.message)) == (100, 2000)
    assert alert.metadata == LONGEST_METADATA
