from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from objects.views.small_histories import columns
from objects.views.timed_generations import DAY, HOUR, MINUTE, begin, end, lived, now
from support.api import call, new_user, rows, value
from support.attempts import refunds_broken
from support.books import grant
from support.clock import real_clock

if TYPE_CHECKING:
    from datetime import timedelta

    import psycopg

PLATFORM = UUID(int=0)
ALERTS = "open warnings and errors: 1"
LATE = "maintenance has checked no ledger for an hour"
NEVER = "maintenance has never checked a ledger"


def health(conn: psycopg.Connection[Any]) -> Any:
    (line,) = conn.execute("select * from credits_monitoring.system_health").fetchall()
    return line


def state(conn: psycopg.Connection[Any]) -> tuple[str, list[str]]:
    line = health(conn)
    return line.status, line.reasons


def test_an_empty_platform_is_well_and_has_one_row(conn: psycopg.Connection[Any]) -> None:
    assert tuple(health(conn)) == ("ok", [], 0, 0, 0, 0, None, 0, 0, 0, 0, None, None)


def test_the_figures_are_those_of_the_last_hour_and_day(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    for _ in range(2):
        lived(conn, at - 59 * MINUTE)
    lived(conn, at - MINUTE, "internal_error")
    lived(conn, at - MINUTE, "timed_out")
    # Within the day, and before.
    for _ in range(2):
        lived(conn, at - 61 * MINUTE)
    lived(conn, at - 23 * HOUR, "internal_error")
    lived(conn, at - DAY - MINUTE, "internal_error")
    # Nothing came back of it.
    conn.execute(
        "update credits.refund_policies set refund_percent = 0 where error_type = 'invalid_image'"
    )
    lived(conn, at - 22 * HOUR, "invalid_image")
    # Traps: cancelled, a lower price, in flight.
    lived(conn, at - MINUTE, "cancelled")
    lived(conn, at - MINUTE, p_final_credits=1)
    begin(conn, at - MINUTE, p_timeout=HOUR)
    real_clock(conn)
    rows(conn, "check_ledger")

    line = health(conn)

    assert (line.status, line.reasons) == ("ok", [])
    assert (line.in_flight, line.stuck, line.finished_1h, line.failures_1h) == (1, 0, 5, 2)
    # 3 of 5 + 2 + 2.
    assert line.refund_rate_24h_pct == Decimal("33.33")
    assert (line.owed_refunds, line.owed_credits) == (0, 0)
    row = conn.execute("select max(verified_at) as at from credits.ledger_checks").fetchone()
    assert row is not None
    assert line.last_maintenance_at == row.at


def test_a_generation_past_its_deadline_degrades(conn: psycopg.Connection[Any]) -> None:
    begin(conn, now(conn) - 59 * MINUTE, p_timeout=HOUR)
    real_clock(conn)
    rows(conn, "check_ledger")
    assert state(conn) == ("ok", [])

    begin(conn, now(conn) - 61 * MINUTE, p_timeout=HOUR)
    real_clock(conn)

    assert state(conn) == ("degraded", ["generations past their deadline: 1"])
    line = health(conn)
    assert (line.in_flight, line.stuck) == (2, 1)


@pytest.mark.parametrize(
    ("age", "status", "reason"),
    [
        (4 * MINUTE, "degraded", "refunds are owed: 2"),
        (6 * MINUTE, "critical", "refunds are owed for longer than 5 minutes: 36"),
    ],
)
def test_an_owed_refund_degrades_and_is_critical_after_five_minutes(
    conn: psycopg.Connection[Any], age: timedelta, status: str, reason: str
) -> None:
    at = now(conn) - age
    with refunds_broken(conn):
        for price in (10, 7):
            end(conn, begin(conn, at - MINUTE, price=price), at, "internal_error")
    real_clock(conn)
    rows(conn, "check_ledger")
    # That paying it raised is an alert, too; here it is about what is owed.
    conn.execute("update credits.system_alerts set resolved_at = now()")

    line = health(conn)

    assert line.status == status
    (only,) = line.reasons
    assert only.startswith(reason)
    assert (line.owed_refunds, line.owed_credits) == (2, 17)

    # Another event of each, as a retry in vain makes it, doubles nothing.
    with refunds_broken(conn):
        rows(conn, "retry_failed_refunds")
    line = health(conn)
    assert (line.owed_refunds, line.owed_credits) == (2, 17)
    conn.execute("update credits.generations set owed_review = true")
    line = health(conn)
    assert (line.owed_refunds, line.owed_credits) == (0, 0)


@pytest.mark.parametrize(
    ("level", "status", "reasons", "counted"),
    [
        ("info", "ok", [], 0),
        ("warning", "degraded", [ALERTS], 1),
        ("error", "degraded", [ALERTS], 1),
        ("critical", "critical", ["open critical alerts: 1"], 1),
    ],
)
def test_an_open_alert_counts_acknowledged_or_not(
    conn: psycopg.Connection[Any], level: str, status: str, reasons: list[str], counted: int
) -> None:
    alert = value(conn, "raise_alert", "odd", "something odd", p_level=level)
    assert state(conn) == (status, reasons)
    assert health(conn).open_alerts == counted

    call(conn, "acknowledge_alert", PLATFORM, alert, "Ada")
    assert state(conn) == (status, reasons)

    call(conn, "resolve_alert", PLATFORM, alert, "Ada")
    assert state(conn) == ("ok", [])
    assert health(conn).open_alerts == 0


def test_a_users_low_balance_is_no_trouble_of_the_platform(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    call(conn, "set_low_balance_threshold", user, 8)
    call(conn, "deduct_user_credits", user, 5)
    open_now = conn.execute("select type from credits_monitoring.open_alerts").fetchall()
    assert [alert.type for alert in open_now] == ["low_balance"]
    rows(conn, "check_ledger")

    assert state(conn) == ("ok", [])
    assert health(conn).open_alerts == 0


def test_a_ledger_with_violations_is_critical(conn: psycopg.Connection[Any]) -> None:
    for _ in range(3):
        grant(conn, new_user(), 5)
    rows(conn, "check_ledger")
    assert state(conn) == ("ok", [])

    # Two users, whatever the number of their violations.
    conn.execute(
        "update credits.ledger_checks set violations = 3"
        " where user_id <> (select max(user_id::text)::uuid from credits.ledger_checks)"
    )

    assert state(conn) == ("critical", ["ledgers with violations: 2"])
    assert health(conn).ledger_violations == 2


def test_maintenance_is_late_after_an_hour(conn: psycopg.Connection[Any]) -> None:
    for _ in range(2):
        grant(conn, new_user(), 5)
    rows(conn, "check_ledger")
    late = "update credits.ledger_checks set verified_at = now() - interval '{} minutes'"
    conn.execute(late.format(59))
    assert state(conn) == ("ok", [])

    conn.execute(late.format(61))
    assert state(conn) == ("degraded", [LATE])

    # The latest counts.
    conn.execute(
        "update credits.ledger_checks set verified_at = now()"
        " where user_id = (select max(user_id::text)::uuid from credits.ledger_checks)"
    )
    assert state(conn) == ("ok", [])


def test_maintenance_that_never_ran_is_told_as_soon_as_there_is_a_user(
    conn: psycopg.Connection[Any],
) -> None:
    # Without users there is nothing to maintain.
    assert state(conn) == ("ok", [])
    grant(conn, new_user(), 5)
    assert state(conn) == ("degraded", [NEVER])
    assert health(conn).last_maintenance_at is None

    rows(conn, "run_maintenance")
    assert state(conn) == ("ok", [])


def test_what_has_been_due_for_a_quarter_of_an_hour_is_a_backlog(
    conn: psycopg.Connection[Any],
) -> None:
    at = now(conn)
    grant(conn, new_user(), 5, p_source="promo", p_expires_at=at + MINUTE)
    rows(conn, "check_ledger")
    conn.execute("update credits.credit_lots set expires_at = %s", (at - 14 * MINUTE,))
    conn.execute("update credits.user_credits set next_due_at = %s", (at - 14 * MINUTE,))
    assert state(conn) == ("ok", [])
    assert health(conn).maintenance_due_since == at - 14 * MINUTE

    conn.execute("update credits.user_credits set next_due_at = %s", (at - 16 * MINUTE,))
    assert state(conn) == (
        "degraded",
        ["maintenance is behind: apply_allowances, expire_user_credits"],
    )

    # Where operators want to know later, it is late later.
    conn.execute(
        "update credits.alert_rules set time_window = '20 minutes'"
        " where type = 'maintenance_behind'"
    )
    assert state(conn) == ("ok", [])
    conn.execute("delete from credits.alert_rules where type = 'maintenance_behind'")
    assert state(conn)[0] == "degraded"

    rows(conn, "expire_user_credits")
    assert state(conn) == ("ok", [])
    assert health(conn).maintenance_due_since is None


def test_all_reasons_are_told_the_worst_first(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    begin(conn, at - 2 * HOUR, p_timeout=HOUR)
    with refunds_broken(conn):
        end(conn, begin(conn, at - 2 * HOUR), at - HOUR, "internal_error")
    real_clock(conn)
    call(conn, "raise_alert", "worse", "something worse", p_level="critical")
    rows(conn, "check_ledger")
    conn.execute(
        "update credits.ledger_checks set verified_at = now() - interval '2 hours', violations = 1"
    )

    status, reasons = state(conn)

    assert status == "critical"
    assert [reason.partition(":")[0] for reason in reasons] == [
        "ledgers with violations",
        "refunds are owed for longer than 5 minutes",
        "open critical alerts",
        "open warnings and errors",
        "generations past their deadline",
        LATE,
        "maintenance is behind",
    ]


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert columns(conn, "system_health") == {
        "status": "text",
        "reasons": "text[]",
        "in_flight": "bigint",
        "stuck": "bigint",
        "finished_1h": "bigint",
        "failures_1h": "bigint",
        "refund_rate_24h_pct": "numeric",
        "owed_refunds": "bigint",
        "owed_credits": "bigint",
        "open_alerts": "bigint",
        "ledger_violations": "bigint",
        "last_maintenance_at": "timestamp with time zone",
        "maintenance_due_since": "timestamp with time zone",
    }
