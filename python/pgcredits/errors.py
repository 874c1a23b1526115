"""What can go wrong on the command line: one sentence, a hint, and a documented exit status."""

from __future__ import annotations


class PgcreditsError(Exception):
    """Something the user can act on.

    Attributes:
        hint: What to do about it.
        exit_status: The exit status of the command line (see the README's table).
    """

    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the sentence and the hint."""
        super().__init__(message)
        self.hint = hint


class ConnectionFailedError(PgcreditsError):
    """The database could not be reached, or did not let us in."""

    exit_status = 3


class RefusedError(PgcreditsError):
    """The request was understood and would do harm, or lacks a right; nothing was changed."""

    exit_status = 4


class NewerDatabaseError(RefusedError):
    """The database was installed by a newer pgcredits than this one."""

    exit_status = 5


class ServerError(PgcreditsError):
    """A local PostgreSQL server could not be found, started or stopped."""

    exit_status = 6


class LedgerViolationError(PgcreditsError):
    """The ledger does not prove itself."""

    exit_status = 7
