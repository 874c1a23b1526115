"""Why there is no report."""

from __future__ import annotations

from pgcredits.errors import PgcreditsError


class ReportError(PgcreditsError):
    """The report could not be made or written."""

    exit_status = 22
