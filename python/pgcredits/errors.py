"""What can go wrong on the command line: one sentence, a hint, and a documented exit status."""

from __future__ import annotations

from typing import ClassVar

from pgcredits.exit_status import ExitStatus


class PgcreditsError(Exception):
    """Something the user can act on.

    Attributes:
        hint: What to do about it.
        exit_status: What the command line ends with.
    """

    exit_status: ClassVar[ExitStatus] = ExitStatus.ERROR

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the sentence and the hint."""
        super().__init__(message)
        self.hint = hint


class ConnectionFailedError(PgcreditsError):
    """The database could not be reached, or did not let us in."""

    exit_status = ExitStatus.NO_CONNECTION


class RefusedError(PgcreditsError):
    """The request would do harm, or a right is missing; nothing was changed."""

    exit_status = ExitStatus.REFUSED


class NewerDatabaseError(RefusedError):
    """The database was installed by a newer pgcredits than this one."""

    exit_status = ExitStatus.NEWER_DATABASE


class ServerError(PgcreditsError):
    """A local PostgreSQL server could not be found, started or stopped."""

    exit_status = ExitStatus.LOCAL_SERVER


class LedgerViolationError(PgcreditsError):
    """The ledger does not prove itself."""

    exit_status = ExitStatus.LEDGER_VIOLATION
