"""acknowledge_alert and resolve_alert: who takes an alert on, and who dealt with it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from alerts.watch import PLATFORM, alerts
from ledger.books import NOON, refused_argument
from support.api import call, new_user, refused, value
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

BOTH = pytest.mark.parametrize("function", ["acknowledge_alert", "resolve_alert"])


def _raised(conn: psycopg.Connection[Any], user: UUID = PLATFORM) -> UUID:
    set_clock(conn, NOON)
    alert_id: UUID = value(conn, "raise_alert", "queue_full", "m", user, p_metadata={"jobs": 2})
    return alert_id


def test_whoever_takes_it_on_is_noted(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    alert_id = _raised(conn, user)
    later = advance(conn, timedelta(minutes=1))

    answer = call(conn, "acknowledge_alert", user, alert_id, "Ada")

    (alert,) = alerts(conn)
    assert answer == alert
    assert (alert.acknowledged_at, alert.acknowledged_by) == (later, "Ada")
    assert (alert.resolved_at, alert.notified_at) == (None, NOON)


def test_the_first_who_takes_it_on_stands(conn: psycopg.Connection[Any]) -> None:
    alert_id = _raised(conn)
    first = call(conn, "acknowledge_alert", PLATFORM, alert_id, "Ada")
    advance(conn, timedelta(minutes=1))

    assert call(conn, "acknowledge_alert", PLATFORM, alert_id, "Grace") == first


def test_what_is_resolved_is_not_taken_on(conn: psycopg.Connection[Any]) -> None:
    alert_id = _raised(conn)
    resolved = call(conn, "resolve_alert", PLATFORM, alert_id, "Ada")

    assert call(conn, "acknowledge_alert", PLATFORM, alert_id, "Grace") == resolved
    assert resolved.acknowledged_at is None


def test_whoever_dealt_with_it_is_noted(conn: psycopg.Connection[Any]) -> None:
    alert_id = _raised(conn)
    later = advance(conn, timedelta(minutes=1))

    answer = call(conn, "resolve_alert", PLATFORM, alert_id, "Ada", "more workers")

    (alert,) = alerts(conn)
    assert answer == alert
    assert (alert.resolved_at, alert.resolved_by) == (later, "Ada")
    assert alert.metadata == {"jobs": 2, "note": "more workers"}


def test_the_first_resolution_stands(conn: psycopg.Connection[Any]) -> None:
    alert_id = _raised(conn)
    first = call(conn, "resolve_alert", PLATFORM, alert_id, "Ada")
    advance(conn, timedelta(minutes=1))

    assert call(conn, "resolve_alert", PLATFORM, alert_id, "Grace", "note") == first
    assert first.metadata == {"jobs": 2}


@BOTH
def test_an_alert_is_found_by_its_user_and_its_id(
    conn: psycopg.Connection[Any], function: str
) -> None:
    user = new_user()
    alert_id = _raised(conn, user)

    for pair in [(PLATFORM, alert_id), (new_user(), alert_id), (user, new_user())]:
        with refused("PT404", "alert_not_found", alert_id=str(pair[1])):
            call(conn, function, *pair, "Ada")

    assert [(a.acknowledged_at, a.resolved_at) for a in alerts(conn)] == [(None, None)]


@BOTH
def test_what_makes_no_sense_is_refused(conn: psycopg.Connection[Any], function: str) -> None:
    alert_id = _raised(conn)

    with refused_argument(conn, "p_user_id", value=None):
        call(conn, function, None, alert_id, "Ada")
    with refused_argument(conn, "p_alert_id", value=None):
        call(conn, function, PLATFORM, None, "Ada")
    for by in [None, "", "  ", "b" * 101]:
        with refused_argument(conn, "p_by"):
            call(conn, function, PLATFORM, alert_id, by)


def test_a_note_has_its_limit(conn: psycopg.Connection[Any]) -> None:
    alert_id = _raised(conn)
    with refused_argument(conn, "p_note"):
        call(conn, "resolve_alert", PLATFORM, alert_id, "Ada", "n" * 1001)

    assert call(conn, "resolve_alert", PLATFORM, alert_id, "Ada", "n" * 1000).resolved_by == "Ada"
