"""When a bookmark is written to its file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pgcredits.alerts.bookmark import Bookmark, dump

if TYPE_CHECKING:
    from collections.abc import Callable

#: With so few to remember, after each event.
_FEW = 1000
#: With more, writing takes at most this share of the time.
_SHARE = 0.2


class Keeper:
    """Writes a bookmark whenever it changed, but spends little of the time on it.

    After each event, as long as there are few to remember. With very many, events that were passed
    on since the last writing are passed on again after a crash.
    """

    def __init__(self, write: Callable[[str], None] | None) -> None:
        """Nothing is written yet; `write` None = nothing ever is."""
        self._write = write
        self._written: str | None = None
        self._not_before = 0.0

    def __call__(self, bookmark: Bookmark) -> None:
        """It may have changed."""
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
