"""A fault of an older system, as an inspection reports it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad a fault is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        number: The fault's number in the list of adopt's page.
        severity: How bad it is.
        title: What it is.
        where: The function, view or table.
        detail: What shows it.
        rows: How many rows show it; None = it is not about rows.
        credits: How many credits it is about; None = it is not about an amount.
    """

    number: str
    severity: Severity
    title: str
    where: str
    detail: str
    rows: int | None = None
    credits: int | None = None
