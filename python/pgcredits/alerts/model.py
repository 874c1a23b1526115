"""Alerts and their events."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pgcredits.errors import PgcreditsError
from pgcredits.exit_status import ExitStatus

if TYPE_CHECKING:
    from uuid import UUID

Kind = Literal["opened", "escalated", "due_again", "resolved"]
#: From the least urgent to the most, as the database orders them.
LEVELS = ("info", "warning", "error", "critical")


class AlertsError(PgcreditsError):
    """The alerts could not be read, changed or passed on."""

    exit_status = ExitStatus.ALERTS


@dataclass(frozen=True)
class Alert:
    """A row of credits_monitoring.alert_history."""

    user_id: UUID
    alert_id: UUID
    type: str
    level: str
    message: str
    dedup_key: str
    generation_id: UUID | None
    provider: str | None
    occurrences: int
    created_at: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    notified_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    external_user_id: str | None = None

    @property
    def told_at(self) -> datetime:
        """When listeners were last told that it is open."""
        return self.notified_at or self.created_at

    @property
    def changed_at(self) -> datetime:
        """The time of its last event."""
        return self.resolved_at or self.told_at

    def as_json(self) -> dict[str, Any]:
        """For scripts: every column, times in UTC."""
        return {
            name: value if value is None or isinstance(value, (int, str)) else _text(value)
            for name in COLUMNS
            for value in [getattr(self, name)]
        }


COLUMNS = tuple(field.name for field in fields(Alert))


@dataclass(frozen=True)
class Event:
    """An alert was opened, escalated, due again or resolved."""

    kind: Kind
    at: datetime
    alert: Alert

    @property
    def key(self) -> str:
        """The event's identity: the same each time that it is delivered."""
        return f"{self.alert.alert_id}:{self.kind}:{utc(self.at)}"

    def as_json(self) -> dict[str, Any]:
        """What is passed on: the event, and the alert as it is now."""
        return {
            "v": 1,
            "event": self.kind,
            "at": utc(self.at),
            "key": self.key,
            **self.alert.as_json(),
        }


def rank(level: str) -> int:
    """How urgent: larger is more. A level that we do not know is the most urgent."""
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)


def utc(at: datetime) -> str:
    """A time in UTC, in the format of the NOTIFY payload."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(value: Any) -> str:
    return utc(value) if isinstance(value, datetime) else str(value)
