"""From ``--since`` to a day."""

from __future__ import annotations

import re
from datetime import date, timedelta

from pgcredits.output.errors import ReportError

DEFAULT = "30d"
_SPAN = re.compile(r"([1-9][0-9]{0,4})d", re.ASCII)
_HINT = "Give a day such as 2026-01-31, or a number of days to today such as 30d."


def first_day(since: str, first: date, today: date) -> tuple[date, bool]:
    """The first day of the report, and whether history is shorter than was asked for.

    A number of days includes today, and is cut to what there is, so that it can be a default; a
    day must be one of the history's.

    Raises:
        ReportError: It is neither a day nor a span, or not in the history.
    """
    if span := _SPAN.fullmatch(since):
        wanted = today.toordinal() - int(span[1]) + 1
        return max(first, date.fromordinal(max(wanted, 1))), wanted < first.toordinal()
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", since, re.ASCII):
            raise ValueError
        day = date.fromisoformat(since)
    except ValueError:
        raise ReportError("--since is neither a day nor a number of days", _HINT) from None
    if day > today:
        raise ReportError(f"--since {day} is in the future: today is {today}", _HINT)
    if day < first:
        raise ReportError(f"--since {day} is before the history, which begins on {first}", _HINT)
    return day, False


def days_between(first: date, last: date) -> tuple[date, ...]:
    """All days from the first to the last, both included."""
    return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
