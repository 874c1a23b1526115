"""Why there is no report, or no file."""

from __future__ import annotations

from pgcredits.errors import PgcreditsError
from pgcredits.exit_status import ExitStatus


class ReportError(PgcreditsError):
    """A report, or another file for people, could not be made or written."""

    exit_status = ExitStatus.REPORT
