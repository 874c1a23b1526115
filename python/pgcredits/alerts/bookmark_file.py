"""A bookmark's file: how it is read, how it is written, and when."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pgcredits.alerts.bookmark import Bookmark, Told
from pgcredits.alerts.model import AlertsError, utc
from pgcredits.output.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VERSION = 1
#: While a bookmark remembers at most so many alerts, it is written after each event.
_FEW = 1000
#: A larger bookmark is written less often, so that it takes at most this share of the time.
_SHARE = 0.2


class BookmarkWriter:
    """Writes a bookmark whenever it changed, but spends little of the time on it.

    It is written after each event, as long as there are few alerts to remember. With very many,
    events that were passed on since the last writing are passed on again after a crash.
    """

    def __init__(self, write: Callable[[str], None] | None) -> None:
        """Nothing is written yet; `write` None = nothing ever is."""
        self._write = write
        self._written: str | None = None
        self._not_before = 0.0

    def __call__(self, bookmark: Bookmark) -> None:
        """Write it if it has changed, unless that would take too much of the time."""
        if len(bookmark.told) <= _FEW or time.monotonic() >= self._not_before:
            self.flush(bookmark)

    def flush(self, bookmark: Bookmark) -> None:
        """Write it now, if it has changed since it was written."""
        if self._write is None:
            return
        began = time.monotonic()
        content = dump(bookmark)
        if content != self._written:
            self._write(content)
            self._written = content
        now = time.monotonic()
        self._not_before = now + (now - began) / _SHARE


def dump(bookmark: Bookmark) -> str:
    """A bookmark as the text of its file."""
    content = {
        "v": VERSION,
        "has_begun": bookmark.has_begun,
        "since": bookmark.since and utc(bookmark.since),
        "pending": bookmark.pending and [utc(bookmark.pending[0]), bookmark.pending[1]],
        "told": {
            str(alert_id): [told.level, utc(told.at), told.is_resolved]
            for alert_id, told in bookmark.told.items()
        },
    }
    return json.dumps(content)


def load(path: Path) -> Bookmark:
    """Read a bookmark; a new one where there is no file.

    Raises:
        AlertsError: It cannot be read or understood.
    """
    try:
        return _from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Bookmark()
    except OSError as error:
        raise AlertsError(
            f"{path} cannot be read: {error.strerror}", "Name another file with --state."
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise AlertsError(
            f"{path} is not a state of pgcredits alerts, or is one of a newer version",
            "Name another file with --state. A new file begins with everything that is open.",
        ) from None


def save(content: str, path: Path) -> None:
    """Replace a bookmark's file in one step: killed at any moment, we leave the old or the new.

    Raises:
        AlertsError: It cannot be written.
    """
    try:
        with replacing(path) as file:
            file.write(content.encode())
    except OSError as error:
        raise AlertsError(
            f"{path} cannot be written: {error.strerror}",
            "Its folder must be writable, and have room for a second copy of the file.",
        ) from None


def _from_json(content: Any) -> Bookmark:
    if content["v"] != VERSION:
        raise ValueError(content["v"])
    pending = content["pending"]
    return Bookmark(
        has_begun=content["has_begun"],
        since=content["since"] and _time(content["since"]),
        pending=pending and (_time(pending[0]), int(pending[1])),
        told={
            UUID(alert_id): Told(level, _time(at), is_resolved)
            for alert_id, (level, at, is_resolved) in content["told"].items()
        },
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
