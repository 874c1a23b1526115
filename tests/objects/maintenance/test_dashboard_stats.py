from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from command_line.monitoring.half_a_day import make_it_noon
from objects.views.small_histories import ANN, BEN
from objects.views.timed_generations import DAY, HOUR, MINUTE, begin, end, lived, now, set_zone
from support.api import call, new_user, refused, rows, value
from support.attempts import refund, refunds_broken
from support.books import deduct, grant
from support.books import refund as refund_deduction
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

HOSTILE = "</script>\"\\u0041\n';drop table credits.generations;--"
KEYS = {
    "activeUsersToday",
    "generationsToday",
    "costTodayUsd",
    "generationsThisMonth",
    "costThisMonthUsd",
    "successRate7DaysPct",
    "refundsLast7Days",
    "usersWithCredits",
    "totalCreditsInCirculation",
    "providerUsage",
    "recentFailures",
    "systemHealth",
}


def stats(conn: psycopg.Connection[Any]) -> dict[str, Any]:
    found = value(conn, "dashboard_stats")
    assert isinstance(found, dict)
    return found


def sorted_keys(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """costUsd, failed, generations, provider, succeeded, successRatePct."""
    return [dict(sorted(each.items())) for each in objects]


def start_of_month(conn: psycopg.Connection[Any]) -> datetime:
    """The first moment of this month in the business time zone."""
    row = conn.execute(
        "select date_trunc('month', now(), s.business_time_zone) as at from credits.settings as s"
    ).fetchone()
    assert row is not None
    assert isinstance(row.at, datetime)
    return row.at


def test_an_empty_platform_has_all_keys(conn: psycopg.Connection[Any]) -> None:
    assert stats(conn) == {
        "activeUsersToday": 0,
        "generationsToday": 0,
        "costTodayUsd": 0,
        "generationsThisMonth": 0,
        "costThisMonthUsd": 0,
        "successRate7DaysPct": None,
        "refundsLast7Days": 0,
        "usersWithCredits": 0,
        "totalCreditsInCirculation": 0,
        "providerUsage": [],
        "recentFailures": [],
        "systemHealth": {
            "status": "ok",
            "reasons": [],
            "inFlight": 0,
            "stuck": 0,
            "finished1h": 0,
            "failures1h": 0,
            "refundRate24hPct": None,
            "owedRefunds": 0,
            "owedCredits": 0,
            "openAlerts": 0,
            "ledgerViolations": 0,
            "lastMaintenanceAt": None,
            "maintenanceDueSince": None,
        },
    }


def test_the_figures_of_a_day(conn: psycopg.Connection[Any]) -> None:
    make_it_noon(conn)
    at = now(conn)
    lived(conn, at - HOUR, user=ANN, p_cost_usd=Decimal("0.25"))
    lived(conn, at - HOUR, user=ANN, p_cost_usd=Decimal("0.5"))
    lived(conn, at - 2 * HOUR, user=BEN, provider="beta")
    failure = lived(
        conn,
        at - 30 * MINUTE,
        "internal_error",
        user=BEN,
        p_error_message=HOSTILE,
        p_provider_billed=True,
        p_cost_usd=Decimal("0.125"),
    )
    timeout = lived(conn, at - 3 * HOUR, "timed_out", user=BEN)
    # Traps: in flight, cancelled, not billed.
    begin(conn, at - MINUTE, user=BEN, provider="gamma", p_timeout=HOUR)
    real_clock(conn)
    lived(conn, at - HOUR, "cancelled", user=BEN, provider="beta")
    lived(
        conn, at - HOUR, "network_error", p_cost_usd=Decimal("9"), p_provider_billed=False, user=ANN
    )
    rows(conn, "check_ledger")

    found = stats(conn)

    assert found.keys() == KEYS
    assert (found["activeUsersToday"], found["generationsToday"]) == (2, 8)
    assert found["costTodayUsd"] == 0.875
    # 3 of 6 finished.
    assert found["successRate7DaysPct"] == 50
    assert found["refundsLast7Days"] == 4
    assert found["providerUsage"] == [
        {
            "provider": "alpha",
            "generations": 5,
            "succeeded": 2,
            "failed": 3,
            "costUsd": 0.875,
            "successRatePct": 40,
        },
        {
            "provider": "beta",
            "generations": 2,
            "succeeded": 1,
            "failed": 0,
            "costUsd": 0,
            "successRatePct": 100,
        },
        {
            "provider": "gamma",
            "generations": 1,
            "succeeded": 0,
            "failed": 0,
            "costUsd": 0,
            "successRatePct": None,
        },
    ]
    first, _, last = found["recentFailures"]
    assert first == {
        "userId": str(BEN),
        "externalUserId": None,
        "generationId": str(failure.generation),
        "provider": "alpha",
        "generationType": "image",
        "errorType": "internal_error",
        "errorMessage": HOSTILE,
        "finishedAt": f"{(at - 30 * MINUTE).astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "creditsRefunded": 10,
    }
    assert last["generationId"] == str(timeout.generation)
    # What came back of five, 10 each; all else is spent.
    assert (found["usersWithCredits"], found["totalCreditsInCirculation"]) == (2, 40)


def test_today_and_this_month_are_those_of_the_business(conn: psycopg.Connection[Any]) -> None:
    make_it_noon(conn)
    month = start_of_month(conn)
    # Started last month, finished in this one: its cost counts, it does not.
    lived(conn, month, provider="old", p_cost_usd=Decimal("0.5"), took=MINUTE)
    # All in the last month.
    lived(conn, month - MINUTE, provider="older", p_cost_usd=Decimal("8"))
    begin(conn, month - MINUTE, provider="oldest", p_timeout=timedelta(days=90))
    lived(conn, month + MINUTE, provider="new", p_cost_usd=Decimal("0.25"), took=MINUTE)

    found = stats(conn)

    assert (found["generationsThisMonth"], found["costThisMonthUsd"]) == (1, 0.75)
    assert [tuple(provider.values()) for provider in sorted_keys(found["providerUsage"])] == [
        (0.25, 0, 1, "new", 1, 100),
        (0.5, 0, 0, "old", 0, None),
    ]


def test_today_begins_at_midnight_of_the_business(conn: psycopg.Connection[Any]) -> None:
    make_it_noon(conn)
    row = conn.execute(
        "select date_trunc('day', now(), s.business_time_zone) as at from credits.settings as s"
    ).fetchone()
    assert row is not None
    lived(conn, row.at + MINUTE, user=ANN, p_cost_usd=Decimal("0.25"))
    lived(conn, row.at, user=BEN, p_cost_usd=Decimal("0.5"))
    lived(conn, row.at - MINUTE, p_cost_usd=Decimal("8"))
    conn.execute("set timezone = 'Asia/Kathmandu'")

    found = stats(conn)

    # Ben's was started the day before.
    assert (found["activeUsersToday"], found["generationsToday"]) == (1, 1)
    assert found["costTodayUsd"] == 0.75
    # In another zone the day is another: there it has just begun.
    hour = datetime.now(UTC).hour
    # The signs of these zones are the wrong way round.
    set_zone(conn, f"Etc/GMT{hour if hour <= 12 else hour - 24:+d}")
    assert stats(conn)["generationsToday"] == 0


def test_seven_days_end_now(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    lived(conn, at - 7 * DAY + MINUTE, "internal_error")
    lived(conn, at - 7 * DAY + MINUTE)
    lived(conn, at - 7 * DAY - MINUTE, "internal_error")
    lived(conn, at - 7 * DAY - MINUTE, "internal_error")
    set_clock(conn, at - DAY)
    grant(conn, ANN, 10)
    charge = deduct(conn, ANN, 10)
    # Each refund of the ledger counts: those in parts, and of plain deductions.
    refund_deduction(conn, ANN, charge, 1)
    refund_deduction(conn, ANN, charge, 2)
    refund(conn, lived(conn, at - 8 * DAY, p_final_credits=4), 1)

    found = stats(conn)

    assert found["successRate7DaysPct"] == 50
    assert found["refundsLast7Days"] == 1 + 2 + 1


def test_it_agrees_with_the_views(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    set_clock(conn, at - 2 * DAY)
    grant(conn, ANN, 100)
    grant(conn, BEN, 50, p_expires_at=at - DAY)
    call(conn, "set_user_plan", BEN, "pro")
    with refunds_broken(conn):
        end(conn, begin(conn, at - HOUR), at - 30 * MINUTE, "internal_error")
    real_clock(conn)

    found = stats(conn)

    # Expired credits are none, swept or not.
    assert (found["usersWithCredits"], found["totalCreditsInCirculation"]) == (1, 100)
    for query in (
        "select sum(outstanding_credits) as credits from credits_monitoring.balances_by_plan",
        "select sum(outstanding_credits) as credits from credits_monitoring.credit_liability",
    ):
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        assert row.credits == found["totalCreditsInCirculation"]
    health = conn.execute("select * from credits_monitoring.system_health").fetchone()
    assert health is not None
    said = found["systemHealth"]
    assert (said["status"], said["reasons"][1:]) == ("critical", health.reasons[1:])
    assert (said["owedRefunds"], said["owedCredits"], said["openAlerts"]) == (1, 10, 1)


def test_ten_failures_are_shown_the_latest_first(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    attempts = [lived(conn, at - n * HOUR, "internal_error") for n in range(12, 0, -1)]

    shown = [failure["generationId"] for failure in stats(conn)["recentFailures"]]

    assert shown == [str(attempt.generation) for attempt in reversed(attempts)][:10]


def test_analysts_and_operators_may_call_it_and_apps_may_not(database: Database) -> None:
    for role in ("credits_analyst", "credits_operator"):
        assert stats(database.connect(role=role)).keys() == KEYS
    with refused("42501"):
        stats(database.connect(role="credits_app"))


def test_it_changes_nothing_in_a_read_only_session(conn: psycopg.Connection[Any]) -> None:
    grant(conn, new_user(), 5)
    conn.execute("set default_transaction_read_only = on")

    assert stats(conn)["usersWithCredits"] == 1
