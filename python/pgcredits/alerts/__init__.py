"""Read the alerts, pass on their events, acknowledge and resolve them."""

from __future__ import annotations

from pgcredits.alerts.bookmark import Bookmark
from pgcredits.alerts.follow import Follower
from pgcredits.alerts.model import LEVELS, Alert, AlertsError, Event
from pgcredits.alerts.reading import Wanted, acknowledge, read_alerts, resolve

__all__ = [
    "LEVELS",
    "Alert",
    "AlertsError",
    "Bookmark",
    "Event",
    "Follower",
    "Wanted",
    "acknowledge",
    "read_alerts",
    "resolve",
]
