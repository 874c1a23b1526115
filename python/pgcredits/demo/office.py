"""The maintenance during the demo, as `pgcredits maintain` runs it, and a fault that it repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.errors import PgcreditsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any
    from uuid import UUID

    from pgcredits.demo.client import Client

#: Refunds of this price raise an error for a while: nothing else is as expensive.
FAULTY_PRICE = 13

_BREAK = f"""
alter table credits.refund_totals
add constraint demo_fault check (charged <> {FAULTY_PRICE}) not valid
"""
_REPAIR = "alter table credits.refund_totals drop constraint demo_fault"
_PROGRESS = """
select
    count(*) filter (where g.finished_at is not null) as finished,
    count(*) filter (where g.finished_at is null) as in_flight,
    count(*) filter (where g.refund_owed_since is not null) as owed
from credits.generations as g
"""


class Office:
    """Runs maintenance as the operator; breaks and repairs refunds as the owner."""

    def __init__(
        self, operator: Client, owner: Client, note_given_up: Callable[[UUID], None]
    ) -> None:
        """Call note_given_up with every generation that the sweep times out."""
        self._operator = operator
        self._owner = owner
        self._note_given_up = note_given_up
        self._to_fail = 0

    def break_refunds(self, number: int) -> None:
        """Let the refunds of one price fail until so many have failed."""
        self._owner.connection.execute(_BREAK.encode())
        self._to_fail = number

    def maintain(self) -> Any:
        """One round of maintenance; returns how far all generations are.

        Raises:
            PgcreditsError: A user could not be served, and there was no fault to blame.
        """
        is_broken = self._to_fail > 0
        self._sweep("apply_waiting_callbacks")
        for row in self._sweep("sweep_stuck_generations"):
            self._note_given_up(row.generation_id)
        self._sweep("retry_failed_refunds", may_fail=is_broken)
        (progress,) = self._owner.connection.execute(_PROGRESS)
        if is_broken and progress.owed >= self._to_fail:
            self._owner.connection.execute(_REPAIR)
            self._to_fail = 0
        return progress

    def _sweep(self, function: str, *, may_fail: bool = False) -> list[Any]:
        served = self._operator.rows(function)
        for user in served:
            if user.error is not None and not may_fail:
                raise PgcreditsError(f"{function} could not serve {user.user_id}: {user.error}")
        return served
