"""Alerts for a follower to pass on, made by the real functions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pgcredits.alerts import Alert
from support.api import value

if TYPE_CHECKING:
    import psycopg

    from command_line.maintain_loop.running_command import Program

#: The user id of alerts that are about no user.
PLATFORM = UUID(int=0)
#: Polls so seldom that only a NOTIFY can be why the follower looked.
NEVER = ("--poll", "3600")
OFTEN = ("--poll", "0.1")
FOLLOW = ("alerts", "follow", "--format", "json")

# As a reader has it.
AT = datetime(2031, 5, 16, 12, 30, tzinfo=UTC)
ALERT = Alert(
    user_id=UUID(int=0),
    alert_id=UUID("0190a3f0-0000-7000-8000-00000000a001"),
    type="provider_down",
    level="critical",
    message="10 failures in a row",
    dedup_key="nanobanana",
    generation_id=None,
    provider="nanobanana",
    occurrences=2,
    created_at=AT,
    first_seen_at=AT,
    last_seen_at=AT,
    notified_at=AT,
    acknowledged_at=None,
    acknowledged_by=None,
    resolved_at=None,
    resolved_by=None,
)


def raise_alert(conn: psycopg.Connection[Any], kind: str, **named: Any) -> UUID:
    named.setdefault("p_message", f"{kind} happened")
    alert_id: UUID = value(conn, "raise_alert", kind, **named)
    return alert_id


def resolve(conn: psycopg.Connection[Any], alert_id: UUID) -> None:
    conn.execute("select from credits.resolve_alert(%s, %s, 'Ada')", (PLATFORM, alert_id))


def heard(follower: Program) -> list[tuple[str, str]]:
    """(event, type) of each line, in the order of their coming."""
    return [(line["event"], line["type"]) for line in follower.told()]


def hears(follower: Program, *expected: tuple[str, str]) -> None:
    """Wait until it has printed as many events; they must be these."""
    follower.until(lambda: len(follower.lines) >= len(expected), f"{expected}")
    assert heard(follower) == list(expected)
