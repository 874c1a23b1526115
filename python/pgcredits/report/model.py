"""What a report holds: tables of figures, the same for all formats."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date, datetime


class Kind(Enum):
    """How the values of a column are written."""

    TEXT = "text"
    ID = "id"
    DAY = "day"
    MONTH = "month"
    MOMENT = "moment"
    COUNT = "count"
    USD = "usd"
    PCT = "pct"
    SECONDS = "seconds"
    FLAG = "flag"

    @property
    def is_number(self) -> bool:
        """Whether its values line up at the right."""
        return self in (Kind.COUNT, Kind.USD, Kind.PCT, Kind.SECONDS)


@dataclass(frozen=True)
class Column:
    """A column: its name in the view, and its heading."""

    name: str
    label: str
    kind: Kind


@dataclass(frozen=True)
class Table:
    """A part of the report.

    Attributes:
        total: How many rows there are, where only the first are in `rows`.
        is_daily: Whether the first column is the day.
    """

    key: str
    title: str
    note: str
    nothing: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int | None

    def dicts(self) -> list[dict[str, Any]]:
        """The rows by column name."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    @property
    def is_daily(self) -> bool:
        """Whether its first column is the day."""
        return self.columns[0].kind is Kind.DAY


@dataclass(frozen=True)
class Report:
    """The whole report, as of one moment."""

    made_at: datetime
    since: date
    today: date
    days: tuple[date, ...]
    is_clipped: bool
    health: dict[str, Any]
    tables: dict[str, Table]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was started or finished in this time."""
        return not (self.tables["usage"].rows or self.tables["refund_rate"].rows)
