"""A follower's bookmark: which events it has passed on. bookmark_file.py keeps it on disk.

The events of an alert can be told from its row: it was opened at created_at, escalated or was due
again at notified_at, was resolved at resolved_at. A follower reads the rows with one of these
times after its bookmark. Two things make that difficult.

**Late commits.** A transaction takes its time when it writes, and becomes visible when it commits:
minutes later, after others with later times have been read. So `since`, up to which nothing can
come any more, moves in two steps. After a round that read up to a time T, T is only remembered
(`pending`), with the id that the next transaction will get. Once a later round's snapshot shows
that all transactions with smaller ids have ended, whatever they wrote has been read: `since`
becomes T. That holds however long a transaction stays open, and on a physical replica that lags
behind, since T comes from the rows and not from a clock. MARGIN covers transactions that look at
the clock some time before they get their id. On a logical replica, where the transactions of the
publisher cannot be seen, it is all there is: follow the publisher where they stay open for longer.

Between `since - MARGIN` and now rows are therefore read again and again, and what was passed on is
remembered alert by alert (`told`).

**Escalation or reminder?** Both move notified_at; the level that was passed on last tells them
apart. So an open alert stays in `told`, but for those of level info, of which there may be one for
each user (low_balance): an alert older than the window that is not in `told` was info.

The events between two rounds may be read as fewer: an alert that escalated and was then due again
is told of once, as escalated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pgcredits.alerts.model import LEVELS, Alert, Event, rank

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

#: More than passes in any statement of pgcredits between its look at the clock and its first write.
MARGIN = timedelta(minutes=15)
#: On its first start a follower passes on what is open, and waits for transactions that began up to
#: so long before.
FIRST_LOOK = timedelta(days=1)
#: Alerts of this level are forgotten once they are older than the window.
FORGOTTEN = LEVELS[0]


@dataclass(frozen=True)
class Told:
    """The last event of an alert that was passed on."""

    level: str
    at: datetime
    is_resolved: bool = False


@dataclass(frozen=True)
class Snapshot:
    """Which transactions a round saw: all below `oldest` had ended, none from `next` on began."""

    oldest: int
    next: int


@dataclass
class Bookmark:
    """What is known to have been passed on.

    Attributes:
        has_begun: A first round is done.
        since: No older event can appear any more; None = there was no alert at first.
        pending: The next `since`, and the id below which all transactions must have ended.
        told: What was last passed on of each alert that is in the window, or open.
    """

    has_begun: bool = False
    since: datetime | None = None
    pending: tuple[datetime, int] | None = None
    told: dict[UUID, Told] = field(default_factory=dict)

    @property
    def low(self) -> datetime | None:
        """Rows with a later time are to be read; None = all."""
        return self.since and self.since - MARGIN

    def events(self, alert: Alert) -> list[Event]:
        """The events of an alert that have not been passed on, the oldest first."""
        told = self.told.get(alert.alert_id)
        if told is None and self.has_begun and self.low and alert.created_at < self.low:
            # The opening of such an old alert was passed on, and has been forgotten since.
            told = Told(FORGOTTEN, self.low)
        found = []
        if told is None:
            found.append(Event("opened", alert.created_at, alert))
        elif rank(alert.level) > rank(told.level):
            found.append(Event("escalated", alert.told_at, alert))
        elif alert.told_at > told.at:
            found.append(Event("due_again", alert.told_at, alert))
        if alert.resolved_at and not (told and told.is_resolved):
            found.append(Event("resolved", alert.resolved_at, alert))
        return found

    def note(self, event: Event) -> None:
        """Note that the event has been passed on."""
        alert = event.alert
        is_resolved = event.kind == "resolved"
        at = alert.changed_at if is_resolved else alert.told_at
        self.told[alert.alert_id] = Told(alert.level, at, is_resolved)

    def begin(self, newest: datetime | None) -> None:
        """Begin with the open alerts. `newest` is the time of the last event of any alert."""
        if self.since is None and newest is not None:
            self.since = newest - FIRST_LOOK

    def skip_if_over(self, alert: Alert) -> None:
        """Pass nothing on of an alert that was resolved before we began."""
        if (
            not self.has_begun
            and self.since
            and alert.resolved_at
            and alert.resolved_at <= self.since + FIRST_LOOK
        ):
            self.told.setdefault(alert.alert_id, Told(alert.level, alert.resolved_at, True))

    def end_round(self, alerts: Iterable[Alert], snapshot: Snapshot) -> None:
        """Note that all that a round read has been passed on.

        Args:
            alerts: What it read.
            snapshot: What it saw.
        """
        self.has_begun = True
        if self.pending and self.pending[1] > snapshot.next:
            self.pending = None  # another server, whose transaction ids say nothing about this one
        if self.pending and snapshot.oldest >= self.pending[1]:
            self.since, self.pending = self.pending[0], None
            self._forget(self.since - MARGIN)
        if self.pending is None:
            newest = max((alert.changed_at for alert in alerts), default=None)
            if newest and (self.since is None or newest > self.since):
                self.pending = newest, snapshot.next

    def _forget(self, low: datetime) -> None:
        self.told = {
            alert_id: told
            for alert_id, told in self.told.items()
            if told.at >= low or not (told.is_resolved or told.level == FORGOTTEN)
        }
