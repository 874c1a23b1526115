"""What can go wrong while an older system is moved over."""

from __future__ import annotations

from pgcredits.errors import PgcreditsError
from pgcredits.exit_status import ExitStatus


class PlanError(PgcreditsError):
    """The plan cannot be read, or does not fit the database."""

    exit_status = ExitStatus.ADOPTION_PLAN


class FaultsFoundError(PgcreditsError):
    """An older system has faults."""

    exit_status = ExitStatus.ADOPTION_FAULTS


class AdoptionError(PgcreditsError):
    """Something stands in the way of moving over; nothing was changed after it was found."""

    exit_status = ExitStatus.ADOPTION


class CallsLeftError(PgcreditsError):
    """An application's source still names the older system."""

    exit_status = ExitStatus.ADOPTION_CALLS
