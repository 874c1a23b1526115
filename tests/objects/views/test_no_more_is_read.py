"""The views read what they are asked for, not a year of history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bench import bulk, tables
from objects.views.timed_generations import rows_read
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from support.databases import Template

USERS = 400
STEPS = 52
#: Seven days each: 400 generations and 450 rows of the ledger; a day has 58 generations.
HISTORY = timedelta(days=7 * STEPS)
A_DAY = USERS / 7


@pytest.fixture(scope="module")
def year(template: Template) -> Iterator[psycopg.Connection[Any]]:
    """20,800 generations, spread over a year until now; one in eight came back."""
    with template.clone(verify=False) as database:
        conn = database.connect()
        starts = datetime.now(UTC) - HISTORY
        set_clock(conn, starts - timedelta(days=1))
        # The bench fills its own table of balances, too.
        conn.execute(tables.BASELINE.read_bytes())
        tables.add_users(conn, USERS)
        real_clock(conn)
        bulk.prepare(conn)
        for step in range(STEPS):
            bulk.add_history(
                conn, USERS, starts + step * (HISTORY / STEPS), HISTORY / STEPS, deductions=0
            )
        conn.execute("vacuum (analyze)")
        conn.execute("select brin_summarize_new_values('credits.credit_transactions_created_at')")
        # All that is read must show in the plan.
        conn.execute("set max_parallel_workers_per_gather = 0")
        yield conn


@pytest.mark.parametrize("day", ["current_date - 100", "current_date - 3"])
@pytest.mark.parametrize(
    "view",
    ["usage_daily", "outcome_rates_daily", "provider_costs_daily", "absorbed_costs_daily"],
)
def test_a_day_reads_that_day(year: psycopg.Connection[Any], view: str, day: str) -> None:
    read = rows_read(year, f"select * from credits_monitoring.{view} where day = {day}")

    assert 0 < read["generations"] <= 2 * A_DAY
    assert read.get("refund_totals", 0) <= 2 * A_DAY


@pytest.mark.parametrize("day", ["current_date - 100", "current_date - 3"])
def test_whether_users_are_new_reads_little_more(year: psycopg.Connection[Any], day: str) -> None:
    read = rows_read(year, f"select * from credits_monitoring.active_users_daily where day = {day}")

    # One earlier generation of each user is enough.
    assert 0 < read["generations"] <= 4 * A_DAY


@pytest.mark.parametrize(
    ("view", "times"),
    [
        ("active_users_monthly", 2),
        ("provider_costs_monthly", 1),
        ("user_costs_monthly", 1),
        ("top_users_monthly", 1),
    ],
)
def test_a_month_reads_that_month(year: psycopg.Connection[Any], view: str, times: int) -> None:
    month = "date_trunc('month', current_date - 100)::date"
    read = rows_read(year, f"select * from credits_monitoring.{view} where month = {month}")

    assert 0 < read["generations"] <= times * 32 * A_DAY
    assert read.get("credit_transactions", 0) <= 10 * 32 * A_DAY


def test_costs_of_one_user_read_no_other(year: psycopg.Connection[Any]) -> None:
    read = rows_read(
        year,
        "select * from credits_monitoring.generation_costs where user_id ="
        " (select g.user_id from credits.generations as g limit 1)",
    )

    # One generation each week, and the one that says who.
    assert read["generations"] <= 2 * STEPS
    assert read["refund_totals"] <= 2 * STEPS


@pytest.mark.parametrize("column", ["started_at", "finished_at"])
def test_costs_of_a_day_read_that_day(year: psycopg.Connection[Any], column: str) -> None:
    read = rows_read(
        year,
        "select * from credits_monitoring.generation_costs"
        f" where {column} >= current_date - 100 and {column} < current_date - 99",
    )

    assert 0 < read["generations"] <= 2 * A_DAY
    assert read["refund_totals"] <= 2 * A_DAY


@pytest.mark.parametrize("day", ["current_date - 100", "current_date - 3"])
def test_a_day_of_refund_rates_reads_that_day(year: psycopg.Connection[Any], day: str) -> None:
    read = rows_read(year, f"select * from credits_monitoring.refund_rate_daily where day = {day}")

    assert 0 < read["generations"] <= 2 * A_DAY
    assert read["refund_totals"] <= 2 * A_DAY


@pytest.mark.parametrize("day", ["current_date - 100", "current_date - 3"])
def test_a_day_of_refunds_by_reason_reads_the_ledgers_part(
    year: psycopg.Connection[Any], day: str
) -> None:
    read = rows_read(
        year, f"select * from credits_monitoring.refunds_by_reason_daily where day = {day}"
    )

    # One part is 128 pages of the ledger's 1,000 and more, two where the day lies in both.
    row = year.execute(
        "select count(*) as n, pg_relation_size('credits.credit_transactions') / 8192 as pages"
        " from credits.credit_transactions"
    ).fetchone()
    assert row is not None
    assert 0 < read["credit_transactions"] <= 2 * 128 * row.n / row.pages * 1.2
    assert read["credit_transactions"] < row.n / 2
    assert read["generations"] <= 2 * A_DAY


def test_the_latest_failures_read_little_more_than_they_show(
    year: psycopg.Connection[Any],
) -> None:
    read = rows_read(year, "select * from credits_monitoring.recent_failures limit 20")

    # One in eight fails; and each is looked up once more.
    assert read["generations"] <= 20 * 8 * 3
    assert read["refund_totals"] == read["credit_transactions"] == 20


def test_the_failures_of_a_day_read_that_day(year: psycopg.Connection[Any]) -> None:
    read = rows_read(
        year,
        "select * from credits_monitoring.recent_failures"
        " where finished_at >= now() - interval '24 hours'",
    )

    assert read["generations"] <= 2 * A_DAY


def test_reliability_reads_thirty_days_once(year: psycopg.Connection[Any]) -> None:
    read = rows_read(year, "select * from credits_monitoring.provider_reliability")

    assert 29 * A_DAY < read["generations"] < 31 * A_DAY
    assert "refund_totals" not in read


def test_health_reads_a_day(year: psycopg.Connection[Any]) -> None:
    year.execute("select count(*) from credits.check_ledger(100)")
    year.execute("analyze credits.ledger_checks")

    read = rows_read(year, "select * from credits_monitoring.system_health")

    # Once for what finished, once for its failures: only their refunds are looked up.
    assert 0 < read["generations"] <= 2.2 * A_DAY
    assert read["refund_totals"] <= A_DAY / 2
    # The latest verification is at one end of an index; violations have an index of theirs, or the
    # table is small.
    assert read["ledger_checks"] <= 1 + 100
    assert read.get("user_credits", 0) <= 1


def test_the_dashboard_reads_a_month_of_generations_once(year: psycopg.Connection[Any]) -> None:
    year.execute("select pg_stat_force_next_flush()")
    with year.transaction(force_rollback=True):
        year.execute("select credits.dashboard_stats()")
        read = {
            row.name: row.n
            for row in year.execute(
                "select relname as name, seq_tup_read + coalesce(idx_tup_fetch, 0) as n"
                " from pg_stat_xact_user_tables where schemaname = 'credits'"
            ).fetchall()
        }

    # This month, today's, health's day, the latest failures.
    assert 0 < read["generations"] <= 31 * A_DAY + 3 * 2 * A_DAY + 10 * 8 * 3
    assert read["refund_totals"] <= 2 * A_DAY + 10
