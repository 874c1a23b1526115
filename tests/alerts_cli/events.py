"""Alerts to be told of, made by the real functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from support.api import value

if TYPE_CHECKING:
    import psycopg

    from maintain.programs import Program

#: Whose alerts are about nobody.
PLATFORM = UUID(int=0)
#: So seldom that nothing but a NOTIFY can be the reason.
NEVER = ("--poll", "3600")
OFTEN = ("--poll", "0.1")
FOLLOW = ("alerts", "--follow", "--format", "json")


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
