"""The one alert of the money functions: a balance that falls below its threshold."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from objects.alerts.watch import alerts, set_rule
from support.api import call, new_user, rows
from support.books import NOON, deduct, grant, refund
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg


def _user(conn: psycopg.Connection[Any], granted: int = 10, threshold: int | None = 5) -> UUID:
    user = new_user()
    grant(conn, user, granted)
    call(conn, "set_low_balance_threshold", user, threshold)
    return user


def _seen(conn: psycopg.Connection[Any]) -> list[tuple[int, bool]]:
    """(occurrences, whether open) of each alert, the oldest first."""
    assert {(a.type, a.level) for a in alerts(conn)} <= {("low_balance", "info")}
    return [(a.occurrences, a.resolved_at is None) for a in alerts(conn)]


def test_once_per_crossing(conn: psycopg.Connection[Any]) -> None:
    user = _user(conn)

    deduct(conn, user, 5)  # 5: not below
    assert _seen(conn) == []

    deduct(conn, user, 1)
    assert _seen(conn) == [(1, True)]
    (alert,) = alerts(conn)
    assert (alert.user_id, alert.dedup_key) == (user, "")
    assert alert.metadata == {"balance": 4, "threshold": 5}

    deduct(conn, user, 1)
    assert _seen(conn) == [(1, True)]

    grant(conn, user, 1)  # 4: still below
    assert _seen(conn) == [(1, True)]

    grant(conn, user, 1)
    assert _seen(conn) == [(1, False)]

    deduct(conn, user, 2)
    assert _seen(conn) == [(1, False), (1, True)]


def test_a_lot_that_is_used_up_crosses_too(conn: psycopg.Connection[Any]) -> None:
    user = _user(conn)
    deduct(conn, user, 10)

    assert _seen(conn) == [(1, True)]


def test_a_refund_resolves_it(conn: psycopg.Connection[Any]) -> None:
    user = _user(conn)
    charge = deduct(conn, user, 8)
    refund(conn, user, charge, 2)  # 4
    assert _seen(conn) == [(1, True)]

    refund(conn, user, charge, 1)
    assert _seen(conn) == [(1, False)]


def test_credits_that_expire_cross_too(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    user = _user(conn, granted=3)
    grant(conn, user, 7, p_expires_at=NOON + timedelta(days=1))
    advance(conn, timedelta(days=1))
    assert _seen(conn) == []

    rows(conn, "expire_user_credits")

    assert _seen(conn) == [(1, True)]


def test_a_generation_crosses_and_its_failure_resolves(conn: psycopg.Connection[Any]) -> None:
    user = _user(conn)
    started = call(conn, "start_generation", user, "nanobanana", "image", 8)
    assert _seen(conn) == [(1, True)]

    call(conn, "fail_generation", user, started.generation_id)
    assert _seen(conn) == [(1, False)]


def test_a_first_grant_below_the_threshold_is_no_crossing(conn: psycopg.Connection[Any]) -> None:
    conn.execute("update credits.settings set default_low_balance_threshold = 5")
    user = new_user()
    grant(conn, user, 3)
    assert _seen(conn) == []

    grant(conn, user, 3)
    deduct(conn, user, 2)
    assert _seen(conn) == [(1, True)]


@pytest.mark.parametrize(("threshold", "stays"), [(4, True), (3, False), (None, False)])
def test_a_threshold_that_is_lowered_resolves_it(
    conn: psycopg.Connection[Any], threshold: int | None, stays: bool
) -> None:
    user = _user(conn)
    deduct(conn, user, 7)

    call(conn, "set_low_balance_threshold", user, threshold)

    assert _seen(conn) == [(1, stays)]


def test_a_threshold_that_is_raised_above_the_balance_is_no_crossing(
    conn: psycopg.Connection[Any],
) -> None:
    user = _user(conn)

    call(conn, "set_low_balance_threshold", user, 50)
    deduct(conn, user, 1)

    assert _seen(conn) == []


def test_whoever_is_not_to_be_warned_is_not(conn: psycopg.Connection[Any]) -> None:
    deduct(conn, _user(conn, threshold=None), 10)
    set_rule(conn, "low_balance", enabled=False)
    deduct(conn, _user(conn), 10)

    assert _seen(conn) == []


def test_a_replay_opens_nothing(conn: psycopg.Connection[Any]) -> None:
    user = _user(conn)
    deduct(conn, user, 6, p_idempotency_key="k")
    grant(conn, user, 10)

    assert deduct(conn, user, 6, p_idempotency_key="k").replayed

    assert _seen(conn) == [(1, False)]
