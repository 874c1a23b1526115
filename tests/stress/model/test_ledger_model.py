"""The ledger against a model of it: random histories, each step foretold by a plain-Python oracle.

Pytest's header prints the seed; --seed repeats a run. PGCREDITS_MODEL_EXAMPLES says how many
histories are played, by default as many as CI has time for.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from stress.model.ledger_machine import LedgerMachine, Tally

if TYPE_CHECKING:
    from support.databases import Database, Template

EXAMPLES = int(os.environ.get("PGCREDITS_MODEL_EXAMPLES", "120"))
STEPS = 60

# What every run comes across, whatever its seed: the model is not about nothing.
USUAL = {
    "deduct_user_credits",
    "deduct_user_credits refused: account_frozen",
    "deduct_user_credits refused: insufficient_credits",
    "grant_user_credits",
    "grant_user_credits replayed",
    "grant rollover",
    "expiry",
    "refund into a fresh lot",
    "refund as rollover",
    "refund into a revoked lot",
    "refund_user_credits",
    "revocation of nothing",
    "revoke_user_credits",
    "revoke_user_credits refused: over_refund",
    "expire_user_credits served a user",
    "apply_allowances served a user",
}


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_history_goes_as_the_model_says(template: Template) -> None:
    tally = Tally()
    with ExitStack() as stack:
        in_use: list[Database] = []

        class History(LedgerMachine):
            def __init__(self) -> None:
                super().__init__(open_database(), tally)

            def teardown(self) -> None:
                try:
                    super().teardown()
                finally:
                    # What an example has left broken must not break the next one.
                    if not self.sound:
                        in_use.clear()

        def open_database() -> Database:
            if not in_use:
                in_use.append(stack.enter_context(template.clone(verify=False)))
            return in_use[0]

        run_state_machine_as_test(
            History,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                suppress_health_check=list(HealthCheck),
            ),
        )

    if EXAMPLES >= 100:
        assert tally.steps > 2000
        assert not USUAL - set(tally.seen)
