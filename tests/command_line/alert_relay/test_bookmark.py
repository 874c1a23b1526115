"""A follower's bookmark: which events it takes for passed on, and which it remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from command_line.alert_relay.events import ALERT
from pgcredits.alerts.bookmark import MARGIN, Bookmark, Snapshot
from pgcredits.alerts.bookmark_file import dump, load, save
from pgcredits.alerts.follow import in_order

if TYPE_CHECKING:
    from pathlib import Path

    from pgcredits.alerts import Alert

NOON = datetime(2031, 5, 16, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def opened(n: int, at: datetime, level: str = "warning") -> Alert:
    return replace(
        ALERT, alert_id=UUID(int=n), level=level, created_at=at, notified_at=at, resolved_at=None
    )


def pass_on(bookmark: Bookmark, alerts: list[Alert], oldest: int, next_: int) -> list[str]:
    """One round; returns the kinds of events that are passed on in it."""
    events = [event for alert in alerts for event in bookmark.events(alert)]
    for event in events:
        bookmark.note(event)
    bookmark.end_round(alerts, Snapshot(oldest, next_))
    return [event.kind for event in events]


@pytest.fixture
def bookmark() -> Bookmark:
    """The bookmark of a follower that has been running since an hour before noon."""
    return Bookmark(has_begun=True, since=NOON - HOUR)


def test_it_moves_once_all_older_transactions_have_ended(bookmark: Bookmark) -> None:
    alert = opened(1, NOON)

    assert pass_on(bookmark, [alert], 5, 10) == ["opened"]
    assert (bookmark.since, bookmark.pending) == (NOON - HOUR, (NOON, 10))
    assert pass_on(bookmark, [alert], 9, 20) == []
    assert (bookmark.since, bookmark.pending) == (NOON - HOUR, (NOON, 10))
    assert pass_on(bookmark, [alert], 10, 20) == []
    assert (bookmark.since, bookmark.pending) == (NOON, None)
    assert bookmark.low == NOON - MARGIN


def test_on_another_server_it_begins_to_wait_anew(bookmark: Bookmark) -> None:
    bookmark.pending = NOON, 1000

    pass_on(bookmark, [opened(1, NOON)], 5, 5)
    assert bookmark.pending == (NOON, 5)
    pass_on(bookmark, [opened(1, NOON)], 5, 5)
    assert bookmark.since == NOON


def test_behind_the_window_info_and_what_is_over_is_forgotten(bookmark: Bookmark) -> None:
    info, warning, over = opened(1, NOON, "info"), opened(2, NOON), opened(3, NOON)
    over = replace(over, resolved_at=NOON + HOUR)
    pass_on(bookmark, [info, warning, over], 5, 5)
    pass_on(bookmark, [], 5, 5)
    # Resolved within the window: it is read again, and must be known.
    assert set(bookmark.told) == {warning.alert_id, over.alert_id}
    assert pass_on(bookmark, [over], 5, 5) == []

    later = NOON + 3 * HOUR
    pass_on(bookmark, [opened(4, later)], 6, 6)
    pass_on(bookmark, [], 6, 6)
    assert set(bookmark.told) == {warning.alert_id, UUID(int=4)}

    # The opening of a forgotten alert was passed on before: it is not passed on again.
    assert pass_on(bookmark, [replace(info, notified_at=later)], 6, 6) == ["due_again"]
    worse = replace(info, alert_id=UUID(int=5), level="error", notified_at=later)
    assert pass_on(bookmark, [worse], 6, 6) == ["escalated"]
    gone = replace(info, alert_id=UUID(int=6), resolved_at=later)
    assert pass_on(bookmark, [gone], 6, 6) == ["resolved"]
    worse = replace(warning, level="critical", notified_at=later, resolved_at=later)
    assert pass_on(bookmark, [worse], 6, 6) == ["escalated", "resolved"]


def test_a_file_holds_all_of_it(bookmark: Bookmark, tmp_path: Path) -> None:
    pass_on(bookmark, [opened(1, NOON), replace(opened(2, NOON), resolved_at=NOON)], 5, 10)
    path = tmp_path / "state"

    save(dump(bookmark), path)

    assert load(path) == bookmark
    assert load(tmp_path / "none") == Bookmark()


def test_events_are_in_the_order_of_their_times_but_never_resolved_before_opened() -> None:
    second = timedelta(seconds=1)
    early = replace(opened(1, NOON), resolved_at=NOON - second)
    other = replace(opened(2, NOON - 2 * second), resolved_at=NOON + second)

    told = in_order(Bookmark().events(alert) for alert in (early, other))

    assert [(event.alert.alert_id.int, event.kind) for event in told] == [
        (2, "opened"),
        (1, "opened"),
        (1, "resolved"),
        (2, "resolved"),
    ]
