from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from ledger.books import BAD_METADATA, NOON, each_refused, refused_argument
from promises.attempts import alerts
from support.api import new_user, value
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

PLATFORM = UUID(int=0)


def raised(conn: psycopg.Connection[Any], *args: Any, **named: Any) -> UUID:
    alert_id: UUID = value(conn, "raise_alert", *args, **named)
    return alert_id


def test_it_is_about_the_platform_and_a_warning_unless_said_otherwise(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, NOON)

    alert_id = raised(conn, "disk_full", "the disk is full")

    (alert,) = alerts(conn, PLATFORM)
    assert alert.alert_id == alert_id
    assert alert_id.version == 7
    assert (alert.type, alert.level, alert.message) == (
        "disk_full",
        "warning",
        "the disk is full",
    )
    assert (alert.dedup_key, alert.metadata, alert.occurrences) == ("", {}, 1)
    assert {alert.created_at, alert.first_seen_at, alert.last_seen_at} == {NOON}
    assert (alert.acknowledged_at, alert.resolved_at, alert.notified_at) == (None, None, None)


def test_everything_that_is_said_is_kept(conn: psycopg.Connection[Any]) -> None:
    user, generation = new_user(), uuid4()

    raised(
        conn,
        "odd",
        "something odd",
        p_user_id=user,
        p_dedup_key="k",
        p_level="critical",
        p_generation_id=generation,
        p_provider=" NanoBanana ",
        p_metadata={"n": 1},
    )

    (alert,) = alerts(conn, user)
    assert (alert.level, alert.dedup_key, alert.generation_id) == ("critical", "k", generation)
    assert (alert.provider, alert.metadata) == ("nanobanana", {"n": 1})


def test_the_same_again_is_counted(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    first = raised(conn, "odd", "once", p_dedup_key="k", p_level="error")
    advance(conn, timedelta(minutes=5))

    again = raised(conn, "odd", "twice", p_dedup_key="k", p_level="info", p_metadata={"n": 2})

    assert again == first
    (alert,) = alerts(conn, PLATFORM)
    assert (alert.occurrences, alert.message, alert.metadata) == (2, "twice", {"n": 2})
    # It does not calm down by being repeated more quietly.
    assert alert.level == "error"
    assert (alert.first_seen_at, alert.last_seen_at) == (NOON, NOON + timedelta(minutes=5))


def test_it_escalates(conn: psycopg.Connection[Any]) -> None:
    raised(conn, "odd", "once", p_level="info")
    raised(conn, "odd", "twice", p_level="critical")

    (alert,) = alerts(conn, PLATFORM)
    assert alert.level == "critical"


def test_what_differs_in_user_type_or_key_is_another(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    ids = {
        raised(conn, "odd", "m"),
        raised(conn, "even", "m"),
        raised(conn, "odd", "m", p_dedup_key="k"),
        raised(conn, "odd", "m", p_user_id=user),
        raised(conn, "odd", "m", p_dedup_key=None),
    }

    assert len(ids) == 4


def test_after_it_was_resolved_it_is_a_new_one(conn: psycopg.Connection[Any]) -> None:
    first = raised(conn, "odd", "m")
    conn.execute("update credits.system_alerts set resolved_at = now(), resolved_by = 'ada'")

    assert raised(conn, "odd", "m") != first
    assert [alert.occurrences for alert in alerts(conn, PLATFORM)] == [1, 1]


def test_bad_arguments_are_named(conn: psycopg.Connection[Any]) -> None:
    each_refused(
        conn, "p_type", [None, "", " ", "x" * 101], lambda bad: raised(conn, bad, "message")
    )
    each_refused(
        conn, "p_message", [None, "", " ", "x" * 2001], lambda bad: raised(conn, "odd", bad)
    )
    each_refused(
        conn, "p_user_id", [None], lambda bad: raised(conn, "odd", "message", p_user_id=bad)
    )
    each_refused(
        conn,
        "p_level",
        ["", "fatal", "Error"],
        lambda bad: raised(conn, "odd", "message", p_level=bad),
    )


@pytest.mark.parametrize("metadata", BAD_METADATA)
def test_metadata_that_is_none_is_refused(conn: psycopg.Connection[Any], metadata: str) -> None:
    with refused_argument(conn, "p_metadata"):
        conn.execute(
            "select credits.raise_alert('odd', 'message', p_metadata => %s::jsonb)", (metadata,)
        )
