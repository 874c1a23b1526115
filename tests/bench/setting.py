"""What is measured, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Scenario:
    """One of the ratios that are promised, and the least that it has to be.

    Attributes:
        name: As the command line has it.
        title: As people read it.
        least_ratio: Runs of `ours` per second, as a share of `base`'s.
        base: The script that is the measure.
        ours: The script that is measured.
        hot: Whether all calls are for one user.
        loaded: What is loaded first: rows into both ledgers, or generations into a second
            database, in which `ours` runs.
    """

    name: str
    title: str
    least_ratio: float
    base: str = "baseline"
    ours: str = "deduct"
    hot: bool = False
    loaded: Literal["ledgers", "generations"] | None = None

    @property
    def sides(self) -> tuple[str, str]:
        """What the two sides are called; they take turns."""
        return (self.base, self.ours) if self.base != self.ours else ("few", "many")


SCENARIOS = (
    Scenario("spread", "calls spread over all users", 0.45),
    Scenario("hot", "one hot user, one hot row", 0.5, hot=True),
    Scenario("loaded", "spread, on a loaded ledger", 0.45, loaded="ledgers"),
    Scenario(
        "success", "start, attach, complete: at most 4 deductions", 1 / 4, "deduct", "success"
    ),
    Scenario(
        "failure",
        "start, attach, failure callback: at most 6 deductions",
        1 / 6,
        "deduct",
        "failure",
    ),
    Scenario(
        "lookup",
        "callbacks among many generations",
        0.9,
        "callback",
        "callback",
        loaded="generations",
    ),
)


@dataclass(frozen=True)
class Setting:
    """The setting; its defaults are the pinned ones.

    Attributes:
        users: Users, with two lots each.
        clients: Sessions at once.
        threads: Threads of pgbench that serve them.
        rounds: Runs of each side, alternating; their median counts.
        seconds: Length of a run.
        transactions: Calls per client in a run, instead of seconds.
        ledger_rows: Rows in both ledgers before the scenario `loaded` starts, and generations in
            the second database of `lookup`.
        sample: Users whose ledger is verified at the end of each scenario.
    """

    users: int = 10_000
    clients: int = 8
    threads: int = 2
    rounds: int = 5
    seconds: int = 20
    transactions: int | None = None
    ledger_rows: int = 5_000_000
    sample: int = 25
