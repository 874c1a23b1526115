"""alert_history: every alert once, with what became of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from objects.views.small_histories import START, columns, shown
from support.api import call, new_user, value
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

PLATFORM = UUID(int=0)
HOUR = timedelta(hours=1)


def test_without_alerts_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert shown(conn, "alert_history", "alert_id") == []


def test_its_columns(conn: psycopg.Connection[Any]) -> None:
    at = "timestamp with time zone"
    assert columns(conn, "alert_history") == {
        "user_id": "uuid",
        "alert_id": "uuid",
        "type": "text",
        "level": "text",
        "message": "text",
        "dedup_key": "text",
        "generation_id": "uuid",
        "provider": "text",
        "occurrences": "bigint",
        "created_at": at,
        "first_seen_at": at,
        "last_seen_at": at,
        "notified_at": at,
        "acknowledged_at": at,
        "acknowledged_by": "text",
        "resolved_at": at,
        "resolved_by": "text",
        "external_user_id": "text",
    }


def test_open_and_resolved_ones_are_there_once(conn: psycopg.Connection[Any]) -> None:
    user, generation = new_user(), new_user()
    set_clock(conn, START)
    mine = value(
        conn,
        "raise_alert",
        "a",
        "first",
        user,
        p_dedup_key="k",
        p_generation_id=generation,
        p_provider="p",
    )
    advance(conn, HOUR)
    value(conn, "raise_alert", "a", "second", user, p_dedup_key="k", p_level="critical")
    platform = value(conn, "raise_alert", "b", "platform")
    advance(conn, HOUR)
    call(conn, "acknowledge_alert", user, mine, "Ada")
    advance(conn, HOUR)
    call(conn, "resolve_alert", user, mine, "Bob")
    again = value(conn, "raise_alert", "a", "third", user, p_dedup_key="k")

    at = [START + n * HOUR for n in range(4)]
    mine_at = (at[0], at[0], at[1], at[1], at[2], "Ada", at[3], "Bob")
    open_ = [None] * 4
    assert [tuple(row) for row in shown(conn, "alert_history", "created_at")] == [
        (user, mine, "a", "critical", "second", "k", generation, "p", 2, *mine_at, None),
        (
            PLATFORM,
            platform,
            "b",
            "warning",
            "platform",
            "",
            None,
            None,
            1,
            *[at[1]] * 4,
            *open_,
            None,
        ),
        (user, again, "a", "warning", "third", "k", None, None, 1, *[at[3]] * 4, *open_, None),
    ]
