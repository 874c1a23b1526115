"""The platform's figures on a page: read once, shown in a terminal, as JSON or as HTML."""

from __future__ import annotations

from pgcredits.output.errors import ReportError
from pgcredits.report.model import Report
from pgcredits.report.reading import read_report

__all__ = ["Report", "ReportError", "read_report"]
