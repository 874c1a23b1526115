"""The sweeps over generations, and generations for them to serve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from support.api import rows
from support.attempts import (
    PROVIDER,
    Attempt,
    attach,
    break_generations,
    break_refunds,
    callback,
    fail,
    mend_generations,
    mend_refunds,
    refunds_broken,
    start,
)
from support.books import NOON
from support.clock import set_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    import psycopg

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class MakeDue(Protocol):
    """Makes so many that are due, in the order in which they became so.

    Each is of a new user, or all are of the one given, who can pay for them.
    """

    def __call__(
        self, conn: psycopg.Connection[Any], n: int, user: UUID | None = None
    ) -> list[Attempt]: ...


@dataclass(frozen=True)
class Sweep:
    """A function that takes generations one by one, and refunds 10 for each that it serves."""

    function: str
    make_due: MakeDue
    # Makes this user's turn fail, and mends it.
    break_user: Callable[[psycopg.Connection[Any], UUID], None]
    mend: Callable[[psycopg.Connection[Any]], None]
    # Whether a row also says what was owed.
    tells_owed: bool = False
    arguments: tuple[Any, ...] = ()

    @property
    def sql(self) -> str:
        """The call, for a session that runs plain statements."""
        dry_run = "false" if self.tells_owed else ""
        return f"select * from credits.{self.function}({dry_run})"

    def run(self, conn: psycopg.Connection[Any], **named: Any) -> list[Any]:
        """All rows of one run."""
        return rows(conn, self.function, *self.arguments, **named)

    def row(self, attempt: Attempt) -> tuple[Any, ...]:
        """What the sweep answers for a generation that it served."""
        owed = (10,) if self.tells_owed else ()
        return (attempt.user, attempt.generation, *owed, 10, None)


def overdue(conn: psycopg.Connection[Any], n: int, user: UUID | None = None) -> list[Attempt]:
    """In flight past their deadline."""
    set_clock(conn, NOON)
    attempts = [start(conn, user=user, p_timeout=HOUR + i * SECOND) for i in range(n)]
    set_clock(conn, NOON + 2 * HOUR)
    return attempts


def awaited(conn: psycopg.Connection[Any], n: int, user: UUID | None = None) -> list[Attempt]:
    """Their tasks failed, as somebody said before the tasks were known."""
    set_clock(conn, NOON)
    attempts = [start(conn, user=user) for _ in range(n)]
    for i, attempt in enumerate(attempts):
        set_clock(conn, NOON + i * SECOND)
        task = f"task of {attempt.generation}"
        assert callback(conn, task, "500").generation_id is None
        map_by_hand(conn, attempt, task)
    return attempts


def map_by_hand(conn: psycopg.Connection[Any], attempt: Attempt, task: str) -> None:
    """Note a task past attach_provider_task, which would apply what waits for it at once."""
    conn.execute(
        "select credits_internal.map_task(%s, %s, %s, %s)",
        (attempt.user, attempt.generation, PROVIDER, task),
    )


def owed(conn: psycopg.Connection[Any], n: int, user: UUID | None = None) -> list[Attempt]:
    """Failed, but their refunds raised."""
    attempts = []
    with refunds_broken(conn):
        for i in range(n):
            set_clock(conn, NOON + i * SECOND)
            attempt = start(conn, user=user)
            attach(conn, attempt, None)
            assert not fail(conn, attempt).refunded
            attempts.append(attempt)
    set_clock(conn, NOON + HOUR)
    return attempts


SWEEPS = [
    Sweep("sweep_stuck_generations", overdue, break_generations, mend_generations),
    Sweep("apply_waiting_callbacks", awaited, break_generations, mend_generations),
    Sweep("retry_failed_refunds", owed, break_refunds, mend_refunds),
    Sweep(
        "settle_owed_refunds",
        owed,
        break_refunds,
        mend_refunds,
        tells_owed=True,
        arguments=(False,),
    ),
]
