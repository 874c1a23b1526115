"""The dashboard's queries, as Grafana sends them to PostgreSQL.

Grafana's documentation of its PostgreSQL data source says what its macros become; that the browser
replaces variables first, with all chosen values quoted where `:sqlstring` is asked for; and that a
variable's own value for "All" is put in as it stands.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pgcredits.monitoring import shipped_files

DASHBOARD: dict[str, Any] = json.loads(shipped_files()["grafana/dashboards/pgcredits.json"])

_MACRO = re.compile(r"\$(\w+)\(([^)]*)\)")


@dataclass(frozen=True)
class Query:
    """A query, and where it is."""

    where: str
    sql: str
    # table or time_series; of variables and annotations, what they are.
    kind: str
    # Of a panel that has a time range of its own: so much before the end of the dashboard's.
    reaches_back: timedelta | None = None
    panel: dict[str, Any] | None = None

    def __str__(self) -> str:
        """The query's place, which is a part of the test's name."""
        return self.where


def panels() -> list[dict[str, Any]]:
    """All but rows, which hold none while they are open."""
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[Query]:
    """Every query of the dashboard."""
    found = []
    for panel in panels():
        days = re.fullmatch(r"(\d+)d", panel.get("timeFrom", ""))
        reaches_back = timedelta(days=int(days[1])) if days else None
        for target in panel["targets"]:
            title, kind = panel["title"], target["format"]
            found.append(Query(f"panel {title}", target["rawSql"], kind, reaches_back, panel))
    for annotation in DASHBOARD["annotations"]["list"]:
        sql = annotation["target"]["rawSql"]
        found.append(Query(f"annotation {annotation['name']}", sql, "annotation"))
    found.extend(
        Query(f"variable {variable['name']}", variable["query"], "variable")
        for variable in DASHBOARD["templating"]["list"]
        if variable["type"] == "query"
    )
    return found


def sent(query: Query, start: datetime, end: datetime, providers: list[str] | None = None) -> str:
    """What PostgreSQL gets.

    Args:
        query: One of the dashboard's.
        start: The begin of the dashboard's time range.
        end: The end of that.
        providers: The providers that are chosen; None = All.
    """
    if query.reaches_back is not None:
        start = end - query.reaches_back
    times = {"from": f"'{_rfc3339(start)}'", "to": f"'{_rfc3339(end)}'"}

    def macro(match: re.Match[str]) -> str:
        name, argument = match[1], match[2].strip()
        if name == "__timeFilter":
            return f"{argument} BETWEEN {times['from']} AND {times['to']}"
        assert not argument
        return {"__timeFrom": times["from"], "__timeTo": times["to"]}[name]

    sql = query.sql.replace("${provider:sqlstring}", _chosen(providers))
    assert "${" not in sql
    sql = _MACRO.sub(macro, sql)
    assert "$" not in sql
    return sql


def _chosen(providers: list[str] | None) -> str:
    (variable,) = (v for v in DASHBOARD["templating"]["list"] if v["name"] == "provider")
    if providers is None:
        return str(variable["allValue"])
    quoted = [name.replace("'", "''") for name in providers]
    return ",".join(f"'{name}'" for name in quoted)


def _rfc3339(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
