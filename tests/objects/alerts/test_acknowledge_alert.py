from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from objects.alerts.watch import PLATFORM, alerts, raised
from support.api import call, new_user, refused
from support.books import NOON, refused_argument
from support.clock import advance

if TYPE_CHECKING:
    import psycopg


def test_whoever_takes_it_on_is_noted(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    alert_id = raised(conn, user)
    later = advance(conn, timedelta(minutes=1))

    answer = call(conn, "acknowledge_alert", user, alert_id, "Ada")

    (alert,) = alerts(conn)
    assert answer == alert
    assert (alert.acknowledged_at, alert.acknowledged_by) == (later, "Ada")
    assert (alert.resolved_at, alert.notified_at) == (None, NOON)


def test_the_first_who_takes_it_on_stands(conn: psycopg.Connection[Any]) -> None:
    alert_id = raised(conn)
    first = call(conn, "acknowledge_alert", PLATFORM, alert_id, "Ada")
    advance(conn, timedelta(minutes=1))

    assert call(conn, "acknowledge_alert", PLATFORM, alert_id, "Grace") == first


def test_what_is_resolved_is_not_taken_on(conn: psycopg.Connection[Any]) -> None:
    alert_id = raised(conn)
    resolved = call(conn, "resolve_alert", PLATFORM, alert_id, "Ada")

    assert call(conn, "acknowledge_alert", PLATFORM, alert_id, "Grace") == resolved
    assert resolved.acknowledged_at is None


def test_an_alert_is_found_by_its_user_and_its_id(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    alert_id = raised(conn, user)

    for pair in [(PLATFORM, alert_id), (new_user(), alert_id), (user, new_user())]:
        with refused("PT404", "alert_not_found", alert_id=str(pair[1])):
            call(conn, "acknowledge_alert", *pair, "Ada")

    assert [(a.acknowledged_at, a.resolved_at) for a in alerts(conn)] == [(None, None)]


def test_what_makes_no_sense_is_refused(conn: psycopg.Connection[Any]) -> None:
    alert_id = raised(conn)

    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "acknowledge_alert", None, alert_id, "Ada")
    with refused_argument(conn, "p_alert_id", value=None):
        call(conn, "acknowledge_alert", PLATFORM, None, "Ada")
    for by in [None, "", "  ", "b" * 101]:
        with refused_argument(conn, "p_by"):
            call(conn, "acknowledge_alert", PLATFORM, alert_id, by)
