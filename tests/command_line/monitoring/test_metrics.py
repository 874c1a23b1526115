"""The exporter's queries: as an analyst, right, cheap, and silent about who somebody is."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.rows import tuple_row

from command_line.monitoring.exporter import TEXT, Query, jobs, metrics, queries, series
from command_line.monitoring.half_a_day import ANN, BEN, live
from objects.views.small_histories import columns
from support.api import call, value
from support.paths import COMMAND_LINE_PAGE

if TYPE_CHECKING:
    import psycopg

    from command_line.monitoring.conftest import Analyst
    from command_line.monitoring.exporter import Series

#: Of the history of monitoring.history, by hand; those that depend on the time of day apart.
EXPECTED: dict[Series, float] = {
    # Health is degraded: a refund is owed, but not yet overdue.
    series("health_level"): 1,
    series("generations_in_flight"): 2,
    series("generations_stuck"): 1,
    series("generations_finished_last_hour"): 6,
    series("generations_failed_last_hour"): 2,
    # One of six generations was refunded; the view rounds.
    series("refund_ratio_last_day"): 0.1667,
    series("owed_refunds"): 1,
    series("owed_credits"): 20,
    series("ledger_violations"): 0,
    series("last_maintenance_timestamp_seconds"): 0,
    series("open_alerts", type="refund_failed", level="error", provider="sloth"): 1,
    series("open_alerts", type="contract_ends", level="info"): 1,
    # sloth: one success, one failure of the network, one is stuck.
    **{
        sample: number
        for window in ("1h", "24h")
        for sample, number in {
            series("provider_generations_finished", provider="nanobanana", window=window): 4,
            series("provider_success_ratio", provider="nanobanana", window=window): 0.75,
            series("provider_fault_ratio", provider="nanobanana", window=window): 0.25,
            series("provider_consecutive_failures", provider="nanobanana", window=window): 1,
            series("provider_generations_finished", provider="sloth", window=window): 2,
            series("provider_success_ratio", provider="sloth", window=window): 0.5,
        }.items()
    },
    **{
        series("generations_today", provider=provider, generation_type=kind, status=status): number
        for provider, kind, statuses in (
            ("nanobanana", "image", {"succeeded": 3, "failed": 1, "in_flight": 1}),
            ("sloth", "video", {"succeeded": 1, "failed": 1, "in_flight": 1}),
        )
        for status, number in {"timed_out": 0, "cancelled": 0, **statuses}.items()
    },
    series("credits_charged_today", provider="nanobanana", generation_type="image"): 50,
    series("credits_refunded_today", provider="nanobanana", generation_type="image"): 10,
    series("credits_charged_today", provider="sloth", generation_type="video"): 60,
    series("credits_refunded_today", provider="sloth", generation_type="video"): 0,
    series("active_users_today"): 2,
    series("new_users_today"): 2,
    series("billed_generations_today", provider="nanobanana"): 4,
    series("cost_today_usd", provider="nanobanana"): 0.15,
    series("absorbed_cost_today_usd", provider="nanobanana"): 0.03,
    series("unknown_billing_generations_today", provider="nanobanana"): 0,
    # Ben's success counts as billed, at no known cost; of his failure nobody knows.
    series("billed_generations_today", provider="sloth"): 1,
    series("cost_today_usd", provider="sloth"): 0,
    series("absorbed_cost_today_usd", provider="sloth"): 0,
    series("unknown_billing_generations_today", provider="sloth"): 1,
    series("generations_finished_today", provider="nanobanana"): 4,
    series("generations_refunded_today", provider="nanobanana"): 1,
    series("refund_target_ratio", provider="nanobanana"): 0.05,
    series("generations_finished_today", provider="sloth"): 2,
    series("generations_refunded_today", provider="sloth"): 0,
    series("refund_target_ratio", provider="sloth"): 0.05,
    # Ann: 100 - 50 + 10; Ben: 100 - 60.
    series("users"): 1,
    series("users_with_credits"): 1,
    series("outstanding_credits"): 60,
    series("users", plan="none"): 1,
    series("users_with_credits", plan="none"): 0,
    series("outstanding_credits", plan="none"): 0,
    series("users", plan="pro"): 1,
    series("users_with_credits", plan="pro"): 1,
    series("outstanding_credits", plan="pro"): 40,
    series("liability_lots", source="purchase"): 1,
    series("liability_credits", source="purchase"): 60,
    series("liability_sold_for_usd", source="purchase"): 3,
    series("liability_lots", source="goodwill"): 1,
    series("liability_credits", source="goodwill"): 40,
    series("liability_sold_for_usd", source="goodwill"): 0,
}
#: The metrics that depend on the time of day, by name.
OF_THE_CLOCK = {
    "pgcredits_last_read_timestamp_seconds",
    "pgcredits_owed_refund_age_max_seconds",
    "pgcredits_stuck_generation_overdue_max_seconds",
    "pgcredits_provider_duration_p50_seconds",
    "pgcredits_provider_duration_p95_seconds",
    "pgcredits_provider_last_success_timestamp_seconds",
    # And those of the other kinds of sloth's failures, by policy.
    "pgcredits_info",
}


def read(conn: psycopg.Connection[Any]) -> dict[Series, float]:
    found: dict[Series, float] = {}
    for query in queries():
        samples = query.read(conn)
        assert not found.keys() & samples.keys()
        found |= samples
    return found


def test_a_known_day_has_the_numbers_that_it_must_have(
    conn: psycopg.Connection[Any], analyst: Analyst
) -> None:
    live(conn)
    call(conn, "raise_alert", "contract_ends", "soon", p_level="info")

    found = read(analyst.connect())

    assert {name for name, _ in found} == set(metrics())
    timeless = {key: number for key, number in found.items() if key[0] not in OF_THE_CLOCK}
    wanted = {key: number for key, number in timeless.items() if key in EXPECTED}
    assert wanted == pytest.approx(EXPECTED)
    # What is not written down above is of one provider, whose failures are nobody's fault for sure.
    assert {key[0] for key in timeless.keys() - EXPECTED.keys()} <= {
        "pgcredits_provider_fault_ratio",
        "pgcredits_provider_consecutive_failures",
    }


def test_times_are_seconds(conn: psycopg.Connection[Any], analyst: Analyst) -> None:
    live(conn)
    began = conn.execute("select extract(epoch from now())::float8 as now").fetchone()
    assert began is not None

    found = read(analyst.connect())

    now = found[series("last_read_timestamp_seconds")]
    assert now >= began.now
    # Fifty minutes and whatever this test has taken; nothing here takes five minutes.
    assert 3000 <= found[series("stuck_generation_overdue_max_seconds")] < 3300
    assert 0 <= found[series("owed_refund_age_max_seconds")] < 300
    last = series("provider_last_success_timestamp_seconds", provider="sloth", window="1h")
    assert now - 300 < found[last] <= now
    p95 = series("provider_duration_p95_seconds", provider="nanobanana", window="1h")
    assert 0 <= found[p95] < 300


def test_maintenance_is_told_by_its_time(conn: psycopg.Connection[Any], analyst: Analyst) -> None:
    live(conn)
    conn.execute("select from credits.run_maintenance()")

    found = read(analyst.connect())

    now = found[series("last_read_timestamp_seconds")]
    assert now - 300 < found[series("last_maintenance_timestamp_seconds")] <= now
    # Maintenance has retried the refund and swept.
    assert found[series("owed_credits")] == 0
    assert found[series("generations_stuck")] == 0
    assert found[series("owed_refund_age_max_seconds")] == 0
    assert found[series("stuck_generation_overdue_max_seconds")] == 0


def test_an_empty_database_is_no_error(analyst: Analyst) -> None:
    conn = analyst.connect()

    for query in queries():
        samples = query.read(conn)
        assert query.may_be_empty or samples, query
        assert not any(math.isinf(number) for number in samples.values())
    found = read(conn)
    assert found[series("health_level")] in (0, 1)
    assert math.isnan(found[series("refund_ratio_last_day")])


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_query_returns_its_labels_as_text_and_its_values_as_numbers(
    conn: psycopg.Connection[Any], analyst: Analyst, query: Query
) -> None:
    live(conn)
    reader = analyst.connect()

    cursor = reader.cursor(row_factory=tuple_row).execute(query.sql.encode())

    assert cursor.description is not None
    found = {
        column.name: reader.adapters.types[column.type_code].name for column in cursor.description
    }
    assert found == {
        **dict.fromkeys(query.labels, "text"),
        **dict.fromkeys(query.values, "float8"),
    }
    rows = cursor.fetchall()
    assert rows
    # The exporter takes null for neither: it would complain each minute.
    assert not any(field is None for row in rows for field in row)


def test_no_label_says_who_somebody_is(conn: psycopg.Connection[Any], analyst: Analyst) -> None:
    live(conn)
    value(conn, "raise_alert", "contract_ends", "soon", BEN, str(ANN))
    told = " ".join(str(key) for key in read(analyst.connect()))

    assert "nanobanana" in told
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", told)
    for query in queries():
        assert not {"user_id", "generation_id", "message", "dedup_key"} & set(query.labels)
    assert "user_id" not in TEXT


def test_names_are_as_prometheus_wants_them() -> None:
    names = metrics()

    assert len(names) == len(set(names))
    for name in names:
        assert re.fullmatch(r"pgcredits_[a-z][a-z0-9_]*", name)
        # All are gauges to the exporter, and a total is a counter's.
        assert not name.endswith(("_total", "_pct", "_percent", "_ms", "_count", "_sum"))
    for query in queries():
        assert not {"driver", "host", "database", "user", "col"} & set(query.labels)
        assert re.fullmatch(r"pgcredits_[a-z_]+", query.name)


def test_the_connection_is_from_the_environment() -> None:
    assert {url for job in jobs() for url in job["connections"]} == {"{{PGCREDITS_EXPORTER_URL}}"}


@pytest.mark.tampers
@pytest.mark.parametrize(
    "query", [query for query in queries() if "business_days" in query.sql], ids=str
)
def test_what_is_asked_of_today_reads_only_today(
    conn: psycopg.Connection[Any], analyst: Analyst, query: Query
) -> None:
    live(conn)
    # A year of others, ten for each that succeeded a day: enough for an index to be worth it.
    conn.execute(
        "insert into credits.generations select (g).* from ("
        " select jsonb_populate_record(g, jsonb_build_object("
        "     'generation_id', gen_random_uuid(), 'provider_task_id', null,"
        "     'created_at', g.created_at - n * interval '1 day',"
        "     'submitted_at', g.submitted_at - n * interval '1 day',"
        "     'finished_at', g.finished_at - n * interval '1 day',"
        "     'deadline_at', g.deadline_at - n * interval '1 day')) as g"
        " from credits.generations as g"
        " cross join generate_series(1, 365) as n cross join generate_series(1, 10)"
        " where g.status = 'succeeded') as old"
    )
    conn.execute("analyze credits.generations")
    reader = analyst.connect()

    row = (
        reader.cursor(row_factory=tuple_row)
        .execute(b"explain (analyze, format json, timing off) " + query.sql.encode())
        .fetchone()
    )

    assert row is not None
    (plan,) = row[0]
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(plan["Plan"])
        if node.get("Relation Name") == "generations"
    )
    # Eight of today, which some queries look at twice; to know that a user is not new, a few older
    # ones of that user. There are 14,608 in all.
    assert 0 < read <= 100, json.dumps(plan, indent=1)


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def test_the_page_lists_every_metric_with_its_labels() -> None:
    section = COMMAND_LINE_PAGE.read_text(encoding="utf-8").partition(
        "## Prometheus and Grafana\n"
    )[2]
    table = section.partition("\n## ")[0].partition("| metric")[2].partition("\n\n")[0]
    listed = {
        f"pgcredits_{name}": re.sub(r"\(.*\)", "", labels).replace(",", " ").split()
        for names, labels in re.findall(r"^\| (`.+`) \| (.*?) ?\|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }

    assert listed == {
        f"pgcredits_{name}": list(query.labels) for query in queries() for name in query.values
    }


def test_every_view_that_is_read_is_in_the_contract(conn: psycopg.Connection[Any]) -> None:
    views = set(re.findall(r"credits_monitoring\.(\w+)", TEXT))

    for view in views:
        assert columns(conn, view), view
    assert not re.search(r"\bcredits(_internal|_deploy)?\.\w", re.sub(r"#.*", "", TEXT))
