"""What operators wanted to see: each wish is one SELECT away, and its numbers are right."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from objects.views.small_histories import ANN, BEN
from objects.views.timed_generations import DAY, HOUR, MINUTE, begin, end, lived
from support.attempts import refunds_broken
from support.clock import real_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from support.databases import Template

#: The last hours of a month, and the next day.
LAST = datetime(2024, 1, 31, 12, tzinfo=UTC)
NEXT = LAST + DAY

ALPHA, BETA = "alpha", "beta"
JANUARY, FEBRUARY = "2024-01-01", "2024-02-01"


def live(conn: psycopg.Connection[Any]) -> None:
    """Two users, two providers, two days, each the only one of its month.

    January: of alpha Ann had two images (4 and 6 cents) and one that failed by its fault, billed
    with 3 cents, 10 credits came back; one is in flight. Of beta Ben had a video that nobody knows
    the cost of, and one that timed out: 20 credits, which could not be paid back.
    February: Ann had one more of alpha (5 cents).
    """
    lived(conn, LAST, user=ANN, p_cost_usd=Decimal("0.04"))
    lived(conn, LAST, user=ANN, p_cost_usd=Decimal("0.06"))
    lived(
        conn,
        LAST + HOUR,
        "internal_error",
        user=ANN,
        p_error_message="<b>boom</b>",
        p_provider_billed=True,
        p_cost_usd=Decimal("0.03"),
    )
    begin(conn, LAST + 2 * HOUR, user=ANN, p_timeout=HOUR)
    lived(conn, LAST, user=BEN, provider=BETA, kind="video", price=20)
    stuck = begin(
        conn, LAST, user=BEN, provider=BETA, kind="video", price=20, p_timeout=10 * MINUTE
    )
    with refunds_broken(conn, BEN):
        end(conn, stuck, LAST + HOUR, "timed_out")
    lived(conn, NEXT, user=ANN, p_cost_usd=Decimal("0.05"))
    real_clock(conn)


@pytest.fixture(scope="module")
def lived_through(template: Template) -> Iterator[psycopg.Connection[Any]]:
    """One history for all wishes: they only read."""
    with template.clone(verify=False) as database:
        conn = database.connect()
        live(conn)
        conn.execute("set default_transaction_read_only = on")
        conn.execute("set role credits_analyst")
        yield conn


WISHES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "generations by provider and type": (
        "select provider, generation_type, sum(started) as started, sum(in_flight) as in_flight"
        " from credits_monitoring.usage_daily group by 1, 2 order by 1",
        [(ALPHA, "image", 5, 1), (BETA, "video", 2, 0)],
    ),
    "active users per day": (
        "select day::text, active_users, new_users, generations"
        " from credits_monitoring.active_users_daily order by day",
        [("2024-01-31", 2, 2, 6), ("2024-02-01", 1, 0, 1)],
    ),
    "active users per month": (
        "select month::text, active_users, new_users, generations"
        " from credits_monitoring.active_users_monthly order by month",
        [(JANUARY, 2, 2, 6), (FEBRUARY, 1, 0, 1)],
    ),
    "success against failure": (
        "select day::text, provider, finished, success_rate_pct, failure_rate_pct"
        " from credits_monitoring.outcome_rates_daily order by day, provider",
        [
            ("2024-01-31", ALPHA, 3, Decimal("66.67"), Decimal("33.33")),
            ("2024-01-31", BETA, 2, Decimal(50), Decimal(50)),
            ("2024-02-01", ALPHA, 1, Decimal(100), Decimal(0)),
        ],
    ),
    "daily provider cost": (
        "select day::text, provider, cost_usd from credits_monitoring.provider_costs_daily"
        " order by day, provider",
        [
            ("2024-01-31", ALPHA, Decimal("0.13")),
            ("2024-01-31", BETA, None),
            ("2024-02-01", ALPHA, Decimal("0.05")),
        ],
    ),
    "monthly provider cost": (
        "select month::text, provider, billed_generations, cost_usd, unknown_billing"
        " from credits_monitoring.provider_costs_monthly order by month, provider",
        [
            (JANUARY, ALPHA, 3, Decimal("0.13"), 0),
            (JANUARY, BETA, 1, None, 1),
            (FEBRUARY, ALPHA, 1, Decimal("0.05"), 0),
        ],
    ),
    "cost per generation": (
        "select status::text, credits_net, cost_usd from credits_monitoring.generation_costs"
        " where finished_at is not null order by finished_at, cost_usd",
        [
            ("succeeded", 10, Decimal("0.04")),
            ("succeeded", 10, Decimal("0.06")),
            ("succeeded", 20, None),
            ("failed", 0, Decimal("0.03")),
            ("timed_out", 20, None),
            ("succeeded", 10, Decimal("0.05")),
        ],
    ),
    "cost per provider": (
        "select provider, sum(cost_usd) from credits_monitoring.provider_costs_daily"
        " group by provider order by provider",
        [(ALPHA, Decimal("0.18")), (BETA, None)],
    ),
    "cost per user": (
        "select user_id, sum(cost_usd) from credits_monitoring.user_costs_monthly"
        " group by user_id order by user_id",
        [(ANN, Decimal("0.18")), (BEN, None)],
    ),
    "recent failures with their messages": (
        "select user_id, error_type, error_message, refunded"
        " from credits_monitoring.recent_failures where provider = 'alpha' limit 20",
        [(ANN, "internal_error", "<b>boom</b>", True)],
    ),
    "refund rate, and how good it is": (
        "select day::text, provider, refund_rate_pct, within_target, case"
        " when refund_rate_pct < 1 then 'excellent' when refund_rate_pct < 3 then 'normal'"
        " when refund_rate_pct < 5 then 'concerning' else 'above target' end"
        " from credits_monitoring.refund_rate_daily order by day, provider",
        [
            ("2024-01-31", ALPHA, Decimal("33.33"), False, "above target"),
            # Nothing came back of what timed out, yet.
            ("2024-01-31", BETA, Decimal(0), True, "excellent"),
            ("2024-02-01", ALPHA, Decimal(0), True, "excellent"),
        ],
    ),
    "provider reliability": (
        # All of it is longer ago than it looks.
        "select count(*) from credits_monitoring.provider_reliability",
        [(0,)],
    ),
    "system health": (
        "select status, in_flight, stuck, owed_refunds, owed_credits"
        " from credits_monitoring.system_health",
        [("critical", 1, 1, 1, 20)],
    ),
    "who was charged for a failure and not refunded": (
        "select user_id, provider, credits_due, credits_refunded, credits_owed"
        " from credits_monitoring.users_needing_refunds",
        [(BEN, BETA, 20, 0, 20)],
    ),
    "the cost absorbed when the provider billed and we refunded": (
        "select day::text, provider, generations, cost_usd"
        " from credits_monitoring.absorbed_costs_daily order by day, provider",
        [("2024-01-31", ALPHA, 1, Decimal("0.03"))],
    ),
}


@pytest.mark.parametrize("wish", WISHES)
def test_a_wish_is_one_select(lived_through: psycopg.Connection[Any], wish: str) -> None:
    query, expected = WISHES[wish]

    assert [tuple(line) for line in lived_through.execute(query.encode())] == expected


def test_provider_reliability_of_now(conn: psycopg.Connection[Any]) -> None:
    at = datetime.now(UTC)
    for how in ("succeeded", "succeeded", "succeeded", "internal_error"):
        lived(conn, at - 10 * MINUTE, how)

    found = conn.execute(
        "select provider, finished, success_rate_pct, top_error_type"
        " from credits_monitoring.provider_reliability where time_window = '24h'"
    ).fetchall()

    assert [tuple(line) for line in found] == [(ALPHA, 4, Decimal(75), "internal_error")]
