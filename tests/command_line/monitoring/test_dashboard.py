"""The Grafana dashboard: every query runs as an analyst, and its JSON is what Grafana reads."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import yaml
from psycopg.rows import dict_row, tuple_row

from command_line.monitoring.grafana import DASHBOARD, Query, panels, queries, sent
from command_line.monitoring.half_a_day import MESSAGE, live
from pgcredits.monitoring import shipped_files
from support.api import call
from support.books import grant
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

    from command_line.monitoring.conftest import Analyst

NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric"}
TIMES = {"timestamp", "timestamptz"}
OTHERS = {"text", "bool"}
DATASOURCE = {"type": "postgres", "uid": "${datasource}"}


def last_30_days() -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - timedelta(days=30), now


def types_and_rows(
    conn: psycopg.Connection[Any], sql: str
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    cursor = conn.cursor(row_factory=dict_row).execute(sql.encode())
    assert cursor.description is not None
    types = {c.name: conn.adapters.types[c.type_code].name for c in cursor.description}
    assert len(types) == len(cursor.description), "two columns have one name"
    return types, cursor.fetchall()


@pytest.mark.parametrize("query", queries(), ids=str)
@pytest.mark.parametrize("providers", [None, ["nanobanana", "sloth", "it's"]], ids=["all", "some"])
def test_a_query_returns_what_its_panel_needs(
    conn: psycopg.Connection[Any], analyst: Analyst, query: Query, providers: list[str] | None
) -> None:
    live(conn)

    types, found = types_and_rows(analyst.connect(), sent(query, *last_30_days(), providers))

    assert found
    assert set(types.values()) <= NUMBERS | TIMES | OTHERS
    if query.kind == "variable":
        assert list(types.values()) == ["text"]
        assert [row["provider"] for row in found] == ["nanobanana", "sloth"]
    elif query.kind == "annotation":
        assert types == {"time": "timestamptz", "text": "text", "tags": "text"}
        assert [row["tags"] for row in found] == ["refund_failed,error"]
    elif query.kind == "time_series":
        first, *rest = types.items()
        assert first[0] == "time"
        assert first[1] in TIMES
        texts = [name for name, kind in rest if kind == "text"]
        assert texts in ([], ["metric"])
        assert all(kind in NUMBERS for name, kind in rest if name not in texts)
        assert len(rest) > len(texts)
        # Long series: Grafana wants them by time. And each point once.
        points = [(row["time"], *(row[name] for name in texts)) for row in found]
        assert None not in {point[0] for point in points}
        assert points == sorted(points)
        assert len(points) == len(set(points))
    else:
        assert query.kind == "table"
    if query.panel is not None:
        overridden = [o["matcher"]["options"] for o in query.panel["fieldConfig"]["overrides"]]
        assert set(overridden) <= set(types)
        if query.panel["type"] == "stat":
            (row,) = found
            assert set(types) == {"status"} or set(types.values()) <= NUMBERS
            assert "status" not in types or row["status"] in {"ok", "degraded", "critical"}


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_query_runs_where_nothing_has_ever_happened(analyst: Analyst, query: Query) -> None:
    types, _ = types_and_rows(analyst.connect(), sent(query, *last_30_days()))

    assert types


@pytest.mark.parametrize(
    ("query", "providers"),
    [
        (query, chosen)
        for query in queries()
        if "${provider" in query.sql
        for chosen in (["nanobanana"], ["sloth"])
    ],
    ids=str,
)
def test_a_chosen_provider_is_the_only_one(
    conn: psycopg.Connection[Any], analyst: Analyst, query: Query, providers: list[str]
) -> None:
    live(conn)

    _, found = types_and_rows(analyst.connect(), sent(query, *last_30_days(), providers))

    names = {row.get("provider") or row.get("metric") for row in found}
    (other,) = {"nanobanana", "sloth"} - set(providers)
    assert other not in names


def test_only_panels_that_are_about_no_provider_ignore_the_choice() -> None:
    assert {query.where for query in queries() if "${provider:sqlstring}" not in query.sql} == {
        "panel State",
        "panel Waiting",
        "panel Refund rate, 24 hours",
        "panel Last maintenance",
        "panel Why",
        "panel Open alerts",
        "panel Active users by day",
        "panel Active users by month",
        "panel Users who cost most this month",
        "panel Refunds by reason",
        "panel Balances by plan",
        "panel Credit liability",
        "annotation Open alerts",
        "variable provider",
    }


def by_title(title: str) -> Query:
    (query,) = (query for query in queries() if query.where == f"panel {title}")
    return query


def test_the_numbers_of_a_known_day(conn: psycopg.Connection[Any], analyst: Analyst) -> None:
    live(conn)
    reader = analyst.connect()

    def shown(title: str) -> list[tuple[Any, ...]]:
        """The rows, without the time of a series."""
        query = by_title(title)
        _, found = types_and_rows(reader, sent(query, *last_30_days()))
        return [tuple(value for name, value in row.items() if name != "time") for row in found]

    assert shown("Generations by provider") == [("nanobanana", 5), ("sloth", 3)]
    assert shown("Generations by type") == [("image", 5), ("video", 3)]
    assert shown("Success against failure") == [(4, 2, 0, 0, 2)]
    assert shown("Success rate by provider") == [("nanobanana", 75), ("sloth", 50)]
    assert shown("Active users by day") == [(2, 2)]
    assert shown("Active users by month") == [(2, 2)]
    cost = Decimal("0.15")
    assert shown("Provider cost by day") == [("nanobanana", cost), ("sloth", None)]
    assert shown("Provider cost by month") == [("nanobanana", cost), ("sloth", None)]
    assert shown("Cost per generation") == [("nanobanana", cost / 4), ("sloth", None)]
    assert shown("Absorbed cost") == [("nanobanana", Decimal("0.03"))]
    # One of six, and as far as it is rounded.
    ((rate,),) = shown("Refund rate, 24 hours")
    assert float(rate) == pytest.approx(100 / 6, abs=0.01)
    ((rate, target),) = shown("Refund rate against its target")
    assert float(rate) == pytest.approx(100 / 6, abs=0.01)
    assert target == 5
    assert shown("Refunds by reason") == [("internal_error", 1)]
    assert [row[:1] + row[4:6] for row in shown("Recent failures")] == [
        ("sloth", MESSAGE, 20),
        ("nanobanana", MESSAGE, 10),
    ]
    ((_, provider, error, owed, *_),) = [
        (None, *row[1:]) for row in shown("Charged for a failure and not refunded")
    ]
    assert (provider, error, owed) == ("sloth", "network_error", 20)
    assert [row[2] for row in shown("Stuck generations")] == ["sloth"]


# Whatever the time is, in one of them it is another day than in UTC.
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_the_time_range_shows_the_business_days_that_it_touches(
    conn: psycopg.Connection[Any], analyst: Analyst, zone: str
) -> None:
    conn.execute("update credits.settings set business_time_zone = %s", (zone,))
    now = datetime.now(UTC)
    user = uuid4()
    for days in (3, 2, 1, 0):
        set_clock(conn, now - timedelta(days=days))
        if days == 3:
            grant(conn, user, 100)
        call(conn, "start_generation", user, "nanobanana", "image", 1)
    real_clock(conn)
    sql = sent(by_title("Generations by provider"), now - timedelta(days=1), now)

    _, found = types_and_rows(analyst.connect(), sql)

    # Of today and yesterday, by that zone's calendar; each shown at its first moment.
    local = now.astimezone(ZoneInfo(zone))
    today = local.replace(hour=0, minute=0, second=0, microsecond=0)
    assert [row["time"] for row in found] == [today - timedelta(days=1), today]


# --- the JSON -------------------------------------------------------------------------------------


def test_every_panel_has_a_title_a_description_and_a_unit() -> None:
    titles = [panel["title"] for panel in panels()]

    assert len(titles) == len(set(titles))
    for panel in panels():
        assert panel["title"].strip()
        assert panel["description"].strip().endswith((".", ";", "="))
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["type"] in {"timeseries", "table", "stat"}
        assert panel["targets"]


def test_what_operators_wanted_to_see_is_there() -> None:
    titles = " | ".join(panel["title"].lower() for panel in panels())

    for words in (
        "generations by provider",
        "generations by type",
        "active users by day",
        "active users by month",
        "success against failure",
        "provider cost by day",
        "provider cost by month",
        "cost per generation",
        "users who cost most",
        "recent failures",
        "refund rate against its target",
        "provider reliability",
        "state",
        "charged for a failure and not refunded",
        "absorbed cost",
    ):
        assert words in titles


def test_ids_are_unique_and_places_do_not_overlap() -> None:
    everything = DASHBOARD["panels"]
    ids = [panel["id"] for panel in everything]

    assert len(ids) == len(set(ids))
    assert all(isinstance(number, int) and number > 0 for number in ids)
    for panel in everything:
        place = panel["gridPos"]
        assert place["w"] > 0
        assert place["h"] > 0
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
    for one, other in combinations((panel["gridPos"] for panel in everything), 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )


def test_the_data_source_is_a_variable_everywhere() -> None:
    def references(part: Any) -> list[Any]:
        if isinstance(part, list):
            return [found for item in part for found in references(item)]
        if not isinstance(part, dict):
            return []
        own = [part["datasource"]] if "datasource" in part else []
        return own + [found for item in part.values() for found in references(item)]

    found = references(DASHBOARD)

    # Each panel and its query, the variable, the annotation and its query.
    assert len(found) == 2 * len(panels()) + 3
    assert all(reference == DATASOURCE for reference in found)
    (variable, _) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == (
        "datasource",
        "datasource",
        "postgres",
    )
    # What belongs to one installation of Grafana has no place in the file.
    assert DASHBOARD["id"] is None
    assert "uid" not in DASHBOARD


def test_grafana_10_can_read_it() -> None:
    assert DASHBOARD["schemaVersion"] <= 38
    assert {"title", "panels", "templating", "annotations", "time", "timezone"} <= set(DASHBOARD)
    for panel in panels():
        for target in panel["targets"]:
            assert target["rawQuery"] is True
            assert target["editorMode"] == "code"
            assert re.fullmatch(r"[A-Z]", target["refId"])
            # A closing parenthesis would end a macro's argument too early.
            assert not re.search(r"\$__\w+\([^)]*\(", target["rawSql"])
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[0]["value"] is None
        values = [step["value"] for step in steps[1:]]
        assert values == sorted(values)


def test_provisioning_takes_all_secrets_from_the_environment() -> None:
    files = shipped_files()
    source = yaml.safe_load(files["grafana/provisioning/datasources/pgcredits.yml"])
    provider = yaml.safe_load(files["grafana/provisioning/dashboards/pgcredits.yml"])

    (datasource,) = source["datasources"]
    assert source["apiVersion"] == provider["apiVersion"] == 1
    assert datasource["type"] == DATASOURCE["type"]
    assert datasource["secureJsonData"] == {"password": "$PGCREDITS_GRAFANA_PASSWORD"}
    for setting in (datasource["url"], datasource["user"], datasource["jsonData"]["database"]):
        assert re.fullmatch(r"\$PGCREDITS_GRAFANA_[A-Z]+", setting)
    assert "uid" not in datasource
    (folder,) = provider["providers"]
    assert folder["type"] == "file"
    assert folder["options"]["path"].startswith("/")


def test_dates_are_turned_into_times(conn: psycopg.Connection[Any], analyst: Analyst) -> None:
    """Grafana would show a date as a number, or as the evening before."""
    live(conn)
    reader = analyst.connect()

    for query in queries():
        cursor = reader.cursor(row_factory=tuple_row)
        cursor.execute(sent(query, *last_30_days()).encode())
        for row in cursor.fetchall():
            assert not any(type(value) is date for value in row), query
