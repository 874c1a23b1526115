"""Prometheus and its exporter, the real ones, with the files that we ship.

They are made faster: the exporter reads, and Prometheus scrapes and judges, several times a second,
and rules do not wait. Nothing else of the files is changed.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from command_line.monitoring.exporter import metrics, series
from command_line.monitoring.half_a_day import ANN, live
from command_line.monitoring.prometheus import MISSING, Program, exporter, prometheus
from command_line.monitoring.test_metrics import EXPECTED
from pgcredits.monitoring import export
from support.api import call, rows
from support.books import grant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

    from command_line.monitoring.conftest import Analyst
    from command_line.monitoring.exporter import Series

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (CI's leg monitoring has them)"
    ),
]

#: Labels that say from where a sample is, not what it is about.
ORIGIN = {"__name__", "job", "instance", "host", "database"}


@dataclass(frozen=True)
class Watch:
    """Both programs."""

    exporter: Program
    prometheus: Program

    def samples(self) -> dict[Series, float]:
        """All samples of pgcredits that Prometheus has now."""
        found = self.prometheus.api("query", query='{__name__=~"pgcredits_.*"}')["result"]
        return {
            (
                sample["metric"]["__name__"],
                tuple(sorted((k, v) for k, v in sample["metric"].items() if k not in ORIGIN)),
            ): float(sample["value"][1])
            for sample in found
        }

    def all_samples(self) -> dict[Series, float] | None:
        """All samples of pgcredits, once there is one of each metric."""
        found = self.samples()
        return found if {name for name, _ in found} == set(metrics()) else None

    def firing(self) -> set[tuple[str, str]]:
        """Alert and severity of each rule that is firing."""
        return {
            (alert["labels"]["alertname"], alert["labels"]["severity"])
            for alert in self.prometheus.api("alerts")["alerts"]
            if alert["state"] == "firing"
        }


@contextmanager
def watching(folder: Path, analyst: Analyst) -> Iterator[Watch]:
    export(folder)
    url = analyst.url(sslmode="disable", statement_timeout="10000")
    with exporter(folder, url) as one, prometheus(folder, one) as other:
        yield Watch(one, other)


def test_the_numbers_of_a_known_day_arrive(
    conn: psycopg.Connection[Any], analyst: Analyst, tmp_path: Path
) -> None:
    live(conn)
    call(conn, "raise_alert", "contract_ends", "soon", p_level="info")

    with watching(tmp_path, analyst) as watch:
        found = watch.prometheus.until(watch.all_samples)
        failed = watch.prometheus.api("query", query="sql_exporter_last_scrape_failed")["result"]
        complaints = watch.exporter.said()

    assert {key: found.get(key) for key in EXPECTED} == pytest.approx(EXPECTED)
    # Each query tells how it went, and all went well.
    assert len(failed) == len({sample["metric"]["query"] for sample in failed}) > 8
    assert {sample["value"][1] for sample in failed} == {"0"}
    assert '"level":"error"' not in complaints
    assert '"level":"warn"' not in complaints
    told = str(sorted(found)) + str(failed)
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", told)
    assert analyst.name not in told


def test_an_alert_fires_and_ends_with_that_of_the_database(
    conn: psycopg.Connection[Any], analyst: Analyst, tmp_path: Path
) -> None:
    grant(conn, ANN, 1)
    rows(conn, "run_maintenance")
    stuck = ("PgcreditsGenerationStuck", "warning")
    owed = ("PgcreditsRefundFailed", "error")
    with watching(tmp_path, analyst) as watch:
        watch.prometheus.until(lambda: watch.samples().get(series("last_read_timestamp_seconds")))
        watch.prometheus.until(lambda: not watch.firing())

        live(conn)
        rows(conn, "check_alerts")
        watch.prometheus.until(lambda: {stuck, owed} <= watch.firing())

        # Nothing is open any more: the exporter must not go on to show what it read last.
        rows(conn, "run_maintenance")
        watch.prometheus.until(lambda: not {stuck, owed} & watch.firing())

        watch.exporter.end()
        watch.prometheus.until(lambda: ("PgcreditsExporterDown", "critical") in watch.firing())


def test_a_database_that_is_gone_shows_in_the_queries(
    conn: psycopg.Connection[Any], analyst: Analyst, tmp_path: Path
) -> None:
    with watching(tmp_path, analyst) as watch:
        watch.prometheus.until(lambda: watch.samples().get(series("last_read_timestamp_seconds")))
        conn.execute("revoke usage on schema credits_monitoring from credits_analyst")
        watch.prometheus.until(lambda: ("PgcreditsQueryFailing", "warning") in watch.firing())
        conn.execute("grant usage on schema credits_monitoring to credits_analyst")
        watch.prometheus.until(lambda: ("PgcreditsQueryFailing", "warning") not in watch.firing())
