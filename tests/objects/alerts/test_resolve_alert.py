from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from objects.alerts.watch import PLATFORM, alerts, raised
from support.api import call, new_user, refused
from support.books import refused_argument
from support.clock import advance

if TYPE_CHECKING:
    import psycopg


def test_whoever_dealt_with_it_is_noted(conn: psycopg.Connection[Any]) -> None:
    alert_id = raised(conn)
    later = advance(conn, timedelta(minutes=1))

    answer = call(conn, "resolve_alert", PLATFORM, alert_id, "Ada", "more workers")

    (alert,) = alerts(conn)
    assert answer == alert
    assert (alert.resolved_at, alert.resolved_by) == (later, "Ada")
    assert alert.metadata == {"jobs": 2, "note": "more workers"}


def test_the_first_resolution_stands(conn: psycopg.Connection[Any]) -> None:
    alert_id = raised(conn)
    first = call(conn, "resolve_alert", PLATFORM, alert_id, "Ada")
    advance(conn, timedelta(minutes=1))

    assert call(conn, "resolve_alert", PLATFORM, alert_id, "Grace", "note") == first
    assert first.metadata == {"jobs": 2}


def test_an_alert_is_found_by_its_user_and_its_id(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    alert_id = raised(conn, user)

    for pair in [(PLATFORM, alert_id), (new_user(), alert_id), (user, new_user())]:
        with refused("PT404", "alert_not_found", alert_id=str(pair[1])):
            call(conn, "resolve_alert", *pair, "Ada")

    assert [(a.acknowledged_at, a.resolved_at) for a in alerts(conn)] == [(None, None)]


def test_what_makes_no_sense_is_refused(conn: psycopg.Connection[Any]) -> None:
    alert_id = raised(conn)

    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "resolve_alert", None, alert_id, "Ada")
    with refused_argument(conn, "p_alert_id", value=None):
        call(conn, "resolve_alert", PLATFORM, None, "Ada")
    for by in [None, "", "  ", "b" * 101]:
        with refused_argument(conn, "p_by"):
            call(conn, "resolve_alert", PLATFORM, alert_id, by)


def test_a_note_has_its_limit(conn: psycopg.Connection[Any]) -> None:
    alert_id = raised(conn)
    with refused_argument(conn, "p_note"):
        call(conn, "resolve_alert", PLATFORM, alert_id, "Ada", "n" * 1001)

    assert call(conn, "resolve_alert", PLATFORM, alert_id, "Ada", "n" * 1000).resolved_by == "Ada"
