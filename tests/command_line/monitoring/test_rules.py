"""Prometheus' rules: each type of alert has one, they fire as they should, and say what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from command_line.monitoring.exporter import metrics, queries
from pgcredits.monitoring import export, shipped_files
from support.paths import COMMAND_LINE_PAGE

if TYPE_CHECKING:
    import psycopg

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")

HERE = Path(__file__).parent


def groups() -> dict[str, list[dict[str, Any]]]:
    found = yaml.safe_load(shipped_files()["prometheus/pgcredits.rules.yml"])
    return {group["name"]: group["rules"] for group in found["groups"]}


def rules() -> list[dict[str, Any]]:
    return [rule for group in groups().values() for rule in group]


def promtool(*arguments: str | Path, cwd: Path = HERE) -> str:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_prometheus_accepts_the_rules_and_the_configuration(tmp_path: Path) -> None:
    export(tmp_path)

    assert f"{len(rules())} rules found" in promtool(
        "check", "rules", "prometheus/pgcredits.rules.yml", cwd=tmp_path
    )
    assert "is valid" in promtool("check", "config", "prometheus/prometheus.yml", cwd=tmp_path)


@needs_promtool
def test_the_rules_fire_when_they_should_and_not_before() -> None:
    assert "SUCCESS" in promtool("test", "rules", "rules.test.yml")


def test_every_type_of_alert_has_a_rule(conn: psycopg.Connection[Any]) -> None:
    rows = conn.execute("select type from credits.alert_rules").fetchall()
    types = {row.type for row in rows}
    named = re.compile(r'pgcredits_open_alerts\{type="(\w+)"\} > 0')
    rest = re.compile(r'pgcredits_open_alerts\{type!~"([\w|]+)"\} > 0')

    *single, others = (rule["expr"] for rule in groups()["pgcredits"])

    matches = [named.fullmatch(expression) for expression in single]
    assert sorted(match[1] for match in matches if match) == sorted(types)
    last = rest.fullmatch(others)
    assert last is not None
    assert sorted(last[1].split("|")) == sorted(types)


def test_the_levels_that_the_tests_expect_are_those_of_the_database(
    conn: psycopg.Connection[Any],
) -> None:
    rows = conn.execute("select type, level::text as level from credits.alert_rules").fetchall()
    tests = yaml.safe_load((HERE / "rules.test.yml").read_text(encoding="utf-8"))["tests"]
    (test,) = (test for test in tests if test["name"].startswith("each type"))
    shown = re.compile(r'pgcredits_open_alerts\{type="(\w+)", level="(\w+)".*')

    found = [shown.fullmatch(series["series"]) for series in test["input_series"]]

    assert {match[1]: match[2] for match in found if match} == {row.type: row.level for row in rows}


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]

    assert len(names) == len(set(names))
    for rule in rules():
        assert re.fullmatch(r"Pgcredits[A-Z][A-Za-z]+", rule["alert"])
        assert rule["labels"]["severity"] in {
            "{{ $labels.level }}",
            "info",
            "warning",
            "error",
            "critical",
        }
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert all(text.strip() for text in rule["annotations"].values())
        assert re.fullmatch(r"\d+m", rule["for"])


def test_the_page_names_the_rules_that_are_not_of_a_type() -> None:
    section = COMMAND_LINE_PAGE.read_text(encoding="utf-8").partition(
        "## Prometheus and Grafana\n"
    )[2]
    table = section.partition("| rule |")[2].partition("\n\n")[0]
    listed = [
        (name, severity)
        for names, severities in re.findall(r"^\| (`.+`) \| (.*?) \|", table, re.MULTILINE)
        for name, severity in zip(
            re.findall(r"`(\w+)`", names), severities.split(", ") * 2, strict=False
        )
    ]

    assert listed == [
        (rule["alert"], rule["labels"]["severity"]) for rule in groups()["pgcredits_watch"]
    ]


def test_the_rules_ask_for_metrics_that_there_are() -> None:
    asked = {name for rule in rules() for name in re.findall(r"pgcredits_[a-z0-9_]+", rule["expr"])}

    assert asked
    assert asked <= set(metrics())


def test_a_label_in_a_text_is_one_of_the_metric() -> None:
    (alerts,) = (query for query in queries() if query.values == ("open_alerts",))

    for rule in rules():
        told = set(re.findall(r"\$labels\.(\w+)", str(rule)))
        if rule in groups()["pgcredits"]:
            assert told <= set(alerts.labels)
        else:
            assert told <= {"query"}
