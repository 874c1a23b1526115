"""One seed for a whole run, printed in pytest's header, so that any run can be repeated."""

from __future__ import annotations

import random
import secrets

import pytest
from hypothesis import settings

SEED = pytest.StashKey[int]()


def configure(config: pytest.Config) -> None:
    """Take --seed or make one; give it to Hypothesis too, unless it was given its own."""
    if config.getoption("--seed") is None:
        # Kept as if --seed had been given: pytest-xdist passes the options on to its workers.
        config.option.seed = secrets.randbits(32)
    config.stash[SEED] = config.getoption("--seed")
    if config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(config.stash[SEED])
    # By default Hypothesis uses the same examples on every run in CI, and fails slow ones.
    settings.register_profile("pgcredits", derandomize=False, deadline=None, print_blob=True)
    settings.load_profile("pgcredits")


def header(config: pytest.Config) -> str:
    """The line for pytest's header."""
    hypothesis_seed = config.getoption("--hypothesis-seed")
    return f"seeds: --seed={config.stash[SEED]} --hypothesis-seed={hypothesis_seed}"


def generator(config: pytest.Config, nodeid: str) -> random.Random:
    """Random numbers for one test: the same for the same seed, whichever tests run beside it."""
    return random.Random(f"{config.stash[SEED]} {nodeid}")
