"""Pass on the events of alerts as they happen, and miss none.

The table is the only source: a NOTIFY merely says that it is time to look, and after so many
seconds we look even without one. NOTIFY is lost while nobody is connected, behind a pooler in
transaction mode, on a replica, and where settings.notify_alerts is off.
"""

from __future__ import annotations

import time
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

import psycopg

from pgcredits.alerts.reading import (
    Wanted,
    listen,
    open_reader,
    read_first,
    read_newest,
    read_since,
    read_snapshot,
    require_readable,
)
from pgcredits.errors import ConnectionFailedError
from pgcredits.long_running import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pgcredits.alerts.bookmark import Bookmark, Snapshot
    from pgcredits.alerts.model import Alert, Event
    from pgcredits.long_running import Stop

#: However often we are notified, so many seconds lie between two looks: anybody can send NOTIFY.
_PAUSE = 0.5
#: Seconds between two times that we let go of a queue of NOTIFY that is half full.
_LETS_GO_EVERY = 600.0
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0


class TryAgainError(Exception):
    """An event could not be delivered now.

    Attributes:
        after: Seconds for which the receiver asks us to wait; None = it does not say.
    """

    def __init__(self, reason: str, after: float | None = None) -> None:
        """Keep the reason, and how long to wait."""
        super().__init__(reason)
        self.after = after


class UndeliverableError(Exception):
    """The receiver will never take this event: it is reported, and the next one is delivered."""


class Sink(Protocol):
    """Where events go."""

    def deliver(self, event: Event) -> None:
        """Pass one event on.

        Raises:
            TryAgainError: It cannot be delivered now.
            UndeliverableError: It can never be delivered.
            AlertsError: Nothing can be delivered there.
        """


def in_order(lives: Iterable[list[Event]]) -> list[Event]:
    """The events of many alerts by time; those of one alert stay in their order.

    An event of an alert may have a slightly earlier time than the one before it: check_alerts
    looks at the clock before it looks at the alerts.
    """
    found = []
    for events in lives:
        times = accumulate((event.at for event in events), max)
        found += list(zip(times, events, strict=True))
    return [event for _, event in sorted(found, key=lambda pair: pair[0])]


class Follower:
    """Reads the events of alerts, and passes them on one by one."""

    def __init__(
        self,
        dsn: str,
        sink: Sink,
        *,
        bookmark: Bookmark,
        keep: Callable[[Bookmark], None],
        stop: Stop,
        tell: Callable[[str], None],
        wanted: Wanted | None = None,
        every: float = 15.0,
    ) -> None:
        """Nothing is connected yet.

        Args:
            dsn: Where the alerts are.
            sink: Where the events go.
            bookmark: What has been passed on.
            keep: Called with the bookmark after each event, and after each round.
            stop: No further event is passed on once this is set.
            tell: Called with a line about what went wrong.
            wanted: Which alerts to follow.
            every: Seconds between two looks, where nobody notifies us.
        """
        self._dsn = dsn
        self._sink = sink
        self._bookmark = bookmark
        self._keep = keep
        self._stop = stop
        self._tell = tell
        self._wanted = wanted or Wanted()
        self._every = every
        self._is_notified = False
        self._let_go_at = -_LETS_GO_EVERY

    def run(self) -> None:
        """Follow until told to stop.

        Raises:
            ConnectionFailedError: The first connection failed.
            RefusedError: We may not read the alerts.
            AlertsError: Nothing can be delivered, or the bookmark cannot be kept.
        """
        conn = open_reader(self._dsn, self._note_notification)
        try:
            require_readable(conn)
            self._follow(conn)
        finally:
            conn.close()

    def _follow(self, conn: psycopg.Connection[Any]) -> None:
        backoff = Backoff(_FIRST_WAIT, _LONGEST_WAIT)
        has_complained = False
        is_connected = True
        while not self._stop.is_set():
            try:
                if not is_connected:
                    conn = open_reader(self._dsn, self._note_notification)
                    is_connected = True
                # Listen before the first look, so that nothing after it is missed.
                reason = listen(conn)
                if reason and not has_complained:
                    has_complained = True
                    self._tell(f"polling only: {reason}")
                while not self._stop.is_set():
                    self._look(conn)
                    self._let_go_of_a_full_queue(conn)
                    backoff.reset()
                    self._stop.wait(min(_PAUSE, self._every))
                    if not self._is_notified:
                        self._stop.wait(self._every - _PAUSE, conn.fileno())
            except (psycopg.Error, ConnectionFailedError) as error:
                what = "no connection" if conn.closed else "the alerts could not be read"
                conn.close()
                is_connected = False
                self._tell(f"{what}: {' '.join(str(error).split())}")
                self._stop.wait(backoff.seconds())
        conn.close()

    def _let_go_of_a_full_queue(self, conn: psycopg.Connection[Any]) -> None:
        """Listen anew where the queue of NOTIFY is half full.

        PostgreSQL keeps what a session that listens has not read yet. A transaction that fills the
        queue and fails wakes nobody to read it: our session alone would keep it full for everybody.
        """
        now = time.monotonic()
        if now < self._let_go_at + _LETS_GO_EVERY:
            return
        with conn.transaction():
            is_full = conn.execute("select pg_notification_queue_usage() >= 0.5").fetchone()
        if is_full == (True,):
            self._let_go_at = now
            conn.execute("unlisten *")
            listen(conn)

    def _note_notification(self) -> None:
        self._is_notified = True

    def _look(self, conn: psycopg.Connection[Any]) -> None:
        """One round: read new events, and deliver them."""
        alerts, snapshot = self._read(conn)
        for event in in_order(self._bookmark.events(alert) for alert in alerts):
            if not self._deliver(event):
                return
            self._bookmark.note(event)
            self._keep(self._bookmark)
        self._bookmark.end_round(alerts, snapshot)
        self._keep(self._bookmark)

    def _read(self, conn: psycopg.Connection[Any]) -> tuple[list[Alert], Snapshot]:
        bookmark = self._bookmark
        with conn.transaction():
            # The snapshot that is taken next shows all that was notified until here.
            self._is_notified = False
            snapshot = read_snapshot(conn)
            if bookmark.has_begun:
                return read_since(conn, bookmark.low, self._wanted), snapshot
            bookmark.begin(read_newest(conn))
            alerts = read_first(conn, bookmark.low, self._wanted)
        for alert in alerts:
            bookmark.skip_if_over(alert)
        self._keep(bookmark)
        return alerts, snapshot

    def _deliver(self, event: Event) -> bool:
        """Deliver an event, trying until it works; False if we were told to stop before."""
        backoff = Backoff(_FIRST_WAIT, _LONGEST_WAIT)
        while not self._stop.is_set():
            try:
                self._sink.deliver(event)
            except TryAgainError as error:
                seconds = max(backoff.seconds(), error.after or 0.0)
                self._tell(f"{event.key} could not be delivered, again in {seconds:g} s: {error}")
                self._stop.wait(seconds)
            except UndeliverableError as error:
                self._tell(f"{event.key} is left out: {error}")
                return True
            else:
                return True
        return False
