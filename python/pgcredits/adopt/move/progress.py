"""How far a run is, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Watcher(Protocol):
    """Is told how far a run is."""

    def scene(self, title: str, steps: int | None = None) -> None:
        """Something begins that takes so many steps."""

    def reach(self, steps: int) -> None:
        """So many of its steps are done by now, in total."""


@dataclass
class Run:
    """What a run did.

    Attributes:
        history_rows: Copied, by this run.
        balances: Brought over at the cut-over; 0 where an earlier run had cut over.
        tasks: How many of them this run made generations of.
        locked_seconds: For how long the old tables could not be written; None = they were closed
            before.
    """

    history_rows: int = 0
    balances: int = 0
    tasks: int = 0
    locked_seconds: float | None = None
