"""Months in seconds: the demo's database is set to other times, and at the end to the right one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Calendar:
    """Days of the story, counted from the month in which it ends.

    They are so chosen that nothing depends on how many days a month has, nor on which day of it
    the demo is run: the same seed gives the same totals all year round.
    """

    today: datetime

    def day(self, months_ago: int, day: int) -> datetime:
        """This day of an earlier month, at nine in the morning."""
        months = self.today.year * 12 + self.today.month - 1 - months_ago
        return datetime(months // 12, months % 12 + 1, day, 9, tzinfo=UTC)


class Clock:
    """``credits_internal.clock()``, the one place where pgcredits reads the time.

    It is the only thing that the demo replaces; everything else runs as it would for years.
    """

    def __init__(self, owner: psycopg.Connection[Any]) -> None:
        """Remember the definition of the real clock."""
        self._owner = owner
        self._definition: str = self._ask(
            "select pg_get_functiondef('credits_internal.clock'::regproc)"
        )

    def now(self) -> datetime:
        """The server's own time."""
        now: datetime = self._ask("select clock_timestamp()")
        return now.astimezone(UTC)

    def set(self, at: datetime) -> None:
        """Set the clock of every session to this time; it runs on from there."""
        ahead = (at - self.now()).total_seconds()
        self._owner.execute(
            sql.SQL(
                "create or replace function credits_internal.clock() returns timestamptz"
                " language sql volatile parallel safe security invoker as {}"
            ).format(
                sql.Literal(f"select pg_catalog.clock_timestamp() + interval '{ahead:f} seconds'")
            )
        )

    def set_right(self) -> None:
        """Let the real clock run again, as it was deployed."""
        self._owner.execute(self._definition.encode())

    def _ask(self, query: str) -> Any:
        (row,) = self._owner.execute(query.encode())
        return row[0]
