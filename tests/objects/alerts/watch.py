"""Histories that call for alerts, and looks at what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from support.api import call, new_user, rows, value
from support.books import NOON, grant
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg

#: Whose alerts are about nobody.
PLATFORM = UUID(int=0)
PROVIDER = "nanobanana"
#: Failures by whose fault they are.
PROVIDERS_FAULT = "internal_error"
USERS_FAULT = "content_policy_violation"


def started(
    conn: psycopg.Connection[Any],
    provider: str = PROVIDER,
    *,
    user: UUID | None = None,
    **named: Any,
) -> tuple[UUID, UUID]:
    """A generation for 10 credits in flight: its user, by default a new one, and its id."""
    if user is None:
        user = new_user()
        grant(conn, user, 100)
    result = call(conn, "start_generation", user, provider, "image", 10, **named)
    return user, result.generation_id


def succeeded(conn: psycopg.Connection[Any], n: int = 1, provider: str = PROVIDER) -> None:
    """So many generations succeed now."""
    for _ in range(n):
        assert call(conn, "complete_generation", *started(conn, provider)).applied


def failed(
    conn: psycopg.Connection[Any],
    n: int = 1,
    provider: str = PROVIDER,
    error_type: str = PROVIDERS_FAULT,
    *,
    user: UUID | None = None,
    **named: Any,
) -> None:
    """So many generations, of new users or of this one, fail now and are refunded."""
    for _ in range(n):
        attempt = started(conn, provider, user=user)
        assert call(conn, "fail_generation", *attempt, error_type, **named).refunded


def raised(conn: psycopg.Connection[Any], user: UUID = PLATFORM) -> UUID:
    """An alert that an application raises at noon."""
    set_clock(conn, NOON)
    alert_id: UUID = value(conn, "raise_alert", "queue_full", "m", user, p_metadata={"jobs": 2})
    return alert_id


def check(conn: psycopg.Connection[Any]) -> dict[str, tuple[int, int]]:
    """check_alerts: how many of each type it opened and resolved."""
    return {row.type: (row.opened, row.resolved) for row in rows(conn, "check_alerts")}


def alerts(conn: psycopg.Connection[Any]) -> list[Any]:
    """All, open and resolved, the oldest first."""
    return conn.execute("select * from credits.system_alerts order by alert_id").fetchall()


def now_open(conn: psycopg.Connection[Any]) -> dict[tuple[str, str], str]:
    """The levels of the open ones about the platform, by type and key."""
    return {
        (alert.type, alert.dedup_key): alert.level
        for alert in alerts(conn)
        if alert.resolved_at is None and alert.user_id == PLATFORM
    }


def set_rule(conn: psycopg.Connection[Any], kind: str, **columns: Any) -> None:
    """Edit a rule, as an operator does."""
    for column, new in columns.items():
        conn.execute(
            f"update credits.alert_rules set {column} = %s where type = %s",
            (new, kind),
        )
