"""The report as one JSON document."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from pgcredits.report.model import Report

VERSION = 1


def as_json(report: Report) -> dict[str, Any]:
    """Whole numbers are numbers; USD, percent and seconds are strings, exact to the last digit."""
    return {
        "version": VERSION,
        "made_at": _plain(report.made_at),
        "since": _plain(report.since),
        "today": _plain(report.today),
        "today_is_complete": False,
        "system_health": _plain(report.health),
        **{
            key: {"rows": _plain(table.dicts()), "total": table.total}
            if table.total is not None
            else {"rows": _plain(table.dicts())}
            for key, table in report.tables.items()
        },
    }


def to_json(report: Report) -> str:
    """The JSON document as text: ASCII only, so that nothing in it controls a terminal."""
    return json.dumps(as_json(report), indent=2) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, UUID) else value
