"""What can go wrong while an older system is moved over."""

from __future__ import annotations

from pgcredits.errors import PgcreditsError


class PlanError(PgcreditsError):
    """The plan cannot be read, or does not fit the database."""

    exit_status = 24


class FaultsFoundError(PgcreditsError):
    """An older system has faults."""

    exit_status = 25


class AdoptionError(PgcreditsError):
    """Something in the way of moving over: nothing more was changed."""

    exit_status = 26
