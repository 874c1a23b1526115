"""What a session that listens to credits_alerts hears."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from objects.alerts.watch import (
    PLATFORM,
    alerts,
    check,
    failed,
    set_rule,
    started,
    succeeded,
)
from support.api import call, new_user, value
from support.attempts import refunds_broken
from support.books import NOON, grant
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from support.databases import Database

HOUR = timedelta(hours=1)
SESSIONS = 8
ROUNDS = 20


class Listener:
    """A session that has issued LISTEN credits_alerts."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn
        conn.execute("listen credits_alerts")

    def heard(self) -> list[dict[str, Any]]:
        """What has been sent since the last look. What was committed before is all there."""
        self.conn.execute("select 1")
        return [json.loads(n.payload) for n in self.conn.notifies(timeout=0)]

    def events(self) -> list[tuple[str, str]]:
        """(event, type) of each, in the order of their coming."""
        types = {
            str(alert_id): kind
            for alert_id, kind in self.conn.execute(
                "select a.alert_id, a.type from credits.system_alerts as a"
            )
        }
        return [(n["event"], types[n["alert_id"]]) for n in self.heard()]


@pytest.fixture(autouse=True)
def _without_maintenance(conn: psycopg.Connection[Any]) -> None:
    """Hours pass here without any maintenance."""
    set_rule(conn, "maintenance_behind", enabled=False)


@pytest.fixture
def listener(database: Database) -> Iterator[Listener]:
    with psycopg.connect(database.dsn, autocommit=True) as conn:
        yield Listener(conn)


def test_it_says_which_alert_and_nothing_of_the_user(
    conn: psycopg.Connection[Any], listener: Listener
) -> None:
    set_clock(conn, NOON)
    user = _poor_user(conn)
    call(conn, "deduct_user_credits", user, 6)

    (told,) = listener.heard()

    (alert,) = alerts(conn)
    assert told == {
        "v": 2,
        "event": "opened",
        "alert_id": str(alert.alert_id),
        "at": NOON.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
    }
    assert (alert.user_id, alert.notified_at) == (user, NOON)


def test_its_time_is_the_one_in_the_row(conn: psycopg.Connection[Any], listener: Listener) -> None:
    alert_id = value(conn, "raise_alert", "queue_full", "m")
    value(conn, "raise_alert", "queue_full", "m", p_level="critical")
    escalated_at = alerts(conn)[0].notified_at
    call(conn, "resolve_alert", PLATFORM, alert_id, "Ada")

    (alert,) = alerts(conn)
    assert [datetime.fromisoformat(told["at"]) for told in listener.heard()] == [
        alert.created_at,
        escalated_at,
        alert.resolved_at,
    ]


def test_the_life_of_an_alert(conn: psycopg.Connection[Any], listener: Listener) -> None:
    set_clock(conn, NOON)
    failed(conn, 3)
    succeeded(conn, 7)
    check(conn)
    check(conn)
    assert listener.events() == [("opened", "provider_failure_rate")]

    failed(conn, 5)
    check(conn)
    check(conn)
    assert listener.events() == [("escalated", "provider_failure_rate")]

    advance(conn, HOUR)
    check(conn)
    check(conn)
    assert listener.events() == [("resolved", "provider_failure_rate")]


def test_nobody_is_told_twice_by_checks_at_once(
    conn: psycopg.Connection[Any], database: Database, listener: Listener
) -> None:
    def check_often(_: int) -> None:
        with psycopg.connect(database.dsn, autocommit=True) as mine:
            for _ in range(ROUNDS):
                mine.execute("select credits.check_alerts()")

    def at_once() -> list[tuple[str, str]]:
        with ThreadPoolExecutor(SESSIONS) as pool:
            list(pool.map(check_often, range(SESSIONS)))
        return sorted(listener.events())

    set_clock(conn, NOON)
    failed(conn, 5, "first")
    succeeded(conn, 5, "first")
    failed(conn, 5, "second")
    succeeded(conn, 5, "second")
    assert at_once() == [
        ("opened", "provider_failure_rate"),
        ("opened", "provider_failure_rate"),
        ("opened", "refund_rate_high"),
    ]

    failed(conn, 6, "first")
    assert at_once() == [("escalated", "provider_failure_rate")]

    advance(conn, timedelta(days=1))
    assert at_once() == [
        ("resolved", "provider_failure_rate"),
        ("resolved", "provider_failure_rate"),
        ("resolved", "refund_rate_high"),
    ]


def test_an_alert_that_nobody_takes_on_is_told_again(
    conn: psycopg.Connection[Any], listener: Listener
) -> None:
    set_clock(conn, NOON)
    started(conn, p_timeout=HOUR)
    advance(conn, HOUR)
    check(conn)
    assert listener.events() == [("opened", "generation_stuck")]

    advance(conn, HOUR - timedelta(microseconds=1))
    check(conn)
    assert listener.events() == []

    advance(conn, timedelta(microseconds=1))
    check(conn)
    check(conn)
    assert listener.events() == [("due_again", "generation_stuck")]
    advance(conn, HOUR / 2)
    check(conn)
    assert listener.events() == []

    (alert,) = alerts(conn)
    call(conn, "acknowledge_alert", PLATFORM, alert.alert_id, "Ada")
    advance(conn, 5 * HOUR)
    check(conn)
    assert listener.events() == []


def test_what_is_not_judged_is_told_again_too(
    conn: psycopg.Connection[Any], listener: Listener
) -> None:
    set_clock(conn, NOON)
    user, generation = started(conn)
    with refunds_broken(conn):
        call(conn, "fail_generation", user, generation)
    assert listener.events() == [("opened", "refund_failed")]
    conn.execute("update credits.alert_rules set enabled = false where type = 'refund_overdue'")
    set_rule(conn, "refund_failed", time_window=timedelta(days=1))

    advance(conn, HOUR)
    check(conn)
    check(conn)

    assert listener.events() == [("due_again", "refund_failed")]
    (result,) = conn.execute("select * from credits.retry_failed_refunds()").fetchall()
    assert result.credits == 10
    assert listener.events() == [("resolved", "refund_failed")]


def test_an_acknowledged_alert_that_escalates_is_told(
    conn: psycopg.Connection[Any], listener: Listener
) -> None:
    alert_id = value(conn, "raise_alert", "queue_full", "m", p_level="warning")
    call(conn, "acknowledge_alert", PLATFORM, alert_id, "Ada")
    value(conn, "raise_alert", "queue_full", "m", p_level="critical")

    assert [event for event, _ in listener.events()] == ["opened", "escalated"]


def test_an_escalation_counts_as_telling(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    value(conn, "raise_alert", "queue_full", "m", p_level="warning")
    escalated_at = advance(conn, HOUR)
    value(conn, "raise_alert", "queue_full", "m", p_level="critical")
    advance(conn, HOUR)
    value(conn, "raise_alert", "queue_full", "m", p_level="critical")

    assert alerts(conn)[0].notified_at == escalated_at


def test_nothing_is_told_of_what_is_resolved_or_calmed_down_by_hand(
    conn: psycopg.Connection[Any], listener: Listener
) -> None:
    user = _poor_user(conn)
    call(conn, "deduct_user_credits", user, 6)
    grant(conn, user, 10)
    assert [event for event, _ in listener.events()] == ["opened", "resolved"]
    value(conn, "redact_user", user)
    assert listener.events() == []

    value(conn, "raise_alert", "queue_full", "m", p_level="critical")
    listener.heard()
    conn.execute("update credits.system_alerts set level = 'warning' where resolved_at is null")
    assert listener.events() == []


def test_what_is_rolled_back_leaves_no_alert_and_sends_nothing(
    conn: psycopg.Connection[Any], listener: Listener
) -> None:
    user = _poor_user(conn)
    with conn.transaction(force_rollback=True):
        call(conn, "deduct_user_credits", user, 6)
        assert [alert.type for alert in alerts(conn)] == ["low_balance"]

    assert alerts(conn) == []
    assert listener.events() == []

    call(conn, "deduct_user_credits", user, 6)
    assert listener.events() == [("opened", "low_balance")]


def _poor_user(conn: psycopg.Connection[Any]) -> UUID:
    user = new_user()
    grant(conn, user, 10)
    call(conn, "set_low_balance_threshold", user, 5)
    return user


def test_it_can_be_switched_off(conn: psycopg.Connection[Any], listener: Listener) -> None:
    conn.execute("update credits.settings set notify_alerts = false")

    value(conn, "raise_alert", "queue_full", "m")

    assert [alert.type for alert in alerts(conn)] == ["queue_full"]
    assert listener.events() == []


def test_a_money_call_without_an_alert_sends_nothing(
    conn: psycopg.Connection[Any], listener: Listener
) -> None:
    succeeded(conn, 2)
    failed(conn, 2)

    assert listener.events() == []
