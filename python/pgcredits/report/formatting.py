"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from pgcredits.printable import harmless
from pgcredits.report.model import Kind

NONE = "\N{EN DASH}"
_PLACES = {Kind.USD: 4, Kind.PCT: 2, Kind.SECONDS: 1}
#: Amounts of US dollars below this are shown with all their digits.
_SMALL_USD = Decimal("0.01")


def shown(value: Any, kind: Kind, today: date) -> str:
    """A value as its kind of column shows it; harmless wherever it is printed."""
    if value is None:
        return NONE
    if kind is Kind.COUNT:
        return f"{value:,}"
    if kind in _PLACES:
        amount = Decimal(value)
        places = 6 if kind is Kind.USD and 0 < abs(amount) < _SMALL_USD else _PLACES[kind]
        return f"{amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):,f}"
    if kind is Kind.FLAG:
        return "yes" if value else "NO"
    if kind is Kind.MOMENT:
        return moment(value)
    if kind is Kind.DAY:
        return f"{value} (so far)" if value == today else f"{value}"
    if kind is Kind.MONTH:
        return f"{value:%Y-%m}"
    return harmless(str(value)) or NONE


def moment(value: datetime) -> str:
    """A time to the minute, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
