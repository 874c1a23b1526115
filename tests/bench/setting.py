"""What is measured, and how long."""

from __future__ import annotations

from dataclasses import dataclass

SIDES = ("baseline", "ours")


@dataclass(frozen=True)
class Scenario:
    """One of the three ratios that are promised, and the least that it has to be."""

    name: str
    title: str
    least_ratio: float
    hot: bool = False
    loaded: bool = False


SCENARIOS = (
    Scenario("spread", "calls spread over all users", 0.45),
    Scenario("hot", "one hot user, one hot row", 0.5, hot=True),
    Scenario("loaded", "spread, on a loaded ledger", 0.45, loaded=True),
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
        ledger_rows: Rows in both ledgers before the scenario `loaded` starts.
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
