"""The exporter's configuration as the exporter reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from pgcredits.monitoring import shipped_files

if TYPE_CHECKING:
    import psycopg

TEXT = shipped_files()["sql_exporter.yml"].decode()

#: A metric's name, and its labels in the order of their names: one series.
Series = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Query:
    """A query, and what becomes of its columns."""

    job: str
    name: str
    sql: str
    labels: tuple[str, ...]
    values: tuple[str, ...]
    may_be_empty: bool

    def __str__(self) -> str:
        """The query's name, which is a part of the test's name."""
        return self.name

    def read(self, conn: psycopg.Connection[Any]) -> dict[Series, float]:
        """Its samples, named as prometheus.yml names them."""
        return {
            (f"pgcredits_{value}", self._labels(row)): getattr(row, value)
            for row in conn.execute(self.sql.encode()).fetchall()
            for value in self.values
        }

    def _labels(self, row: Any) -> tuple[tuple[str, str], ...]:
        # An empty label is no label.
        found = row._asdict()
        return tuple(sorted((label, found[label]) for label in self.labels if found[label] != ""))


def jobs() -> list[dict[str, Any]]:
    return list(yaml.safe_load(TEXT)["jobs"])


def queries() -> list[Query]:
    return [
        Query(
            job["name"],
            query["name"],
            query["query"],
            tuple(query.get("labels", ())),
            tuple(query["values"]),
            query.get("allow_zero_rows", False),
        )
        for job in jobs()
        for query in job["queries"]
    ]


def metrics() -> list[str]:
    """The names of all metrics, in the order of the file."""
    return [f"pgcredits_{value}" for query in queries() for value in query.values]


def series(name: str, **labels: str) -> Series:
    return f"pgcredits_{name}", tuple(sorted(labels.items()))
