"""Traffic goes on while a database of 0.1.0 is upgraded: no call is lost, none counts twice."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from pgcredits import deploy
from support.api import call
from support.books import balance, entries
from support.races import at_once, values

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.databases import Database

SESSIONS = 16
# What each session does before, and goes on doing after, the upgrade.
FEWEST_ROUNDS = 5
# Traffic may hold up the first attempt; from the second on it is held back itself.
MOST_BEGUN_ANEW = 4


@dataclass
class Customer:
    """One session's own user, and what must be in their ledger in the end."""

    database: Database
    conn: psycopg.Connection[Any]
    user: UUID = field(default_factory=uuid4)
    calls: int = 0
    balance: int = 0
    rounds_meanwhile: int = 0

    def make(self, work: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        """A call that may fail once, with any SQLSTATE: the same again on a fresh connection."""
        self.calls += 1
        try:
            return work(self.conn)
        except psycopg.Error:
            self.conn.close()
        self.conn = self.database.connect()
        return work(self.conn)

    def round(self) -> None:
        """Buy 10, spend 3, and start two generations of 2, one of which fails."""
        bought, spent, kept, failed = (uuid4() for _ in range(4))
        self.make(
            lambda c: call(
                c,
                "grant_user_credits",
                p_user_id=self.user,
                p_credits=10,
                p_source="purchase",
                p_idempotency_key=str(bought),
            )
        )
        self.make(
            lambda c: call(
                c,
                "deduct_user_credits",
                p_user_id=self.user,
                p_credits=3,
                p_idempotency_key=str(spent),
            )
        )
        for generation in (kept, failed):
            self.make(partial(self.start, generation))
        mine = {"p_user_id": self.user}
        self.make(lambda c: call(c, "complete_generation", **mine, p_generation_id=kept))
        answer = self.make(lambda c: call(c, "fail_generation", **mine, p_generation_id=failed))
        assert (answer.status, answer.credits_refunded) == ("failed", 2)
        self.balance += 10 - 3 - 2

    def start(self, generation: UUID, conn: psycopg.Connection[Any]) -> Any:
        return call(
            conn,
            "start_generation",
            p_user_id=self.user,
            p_provider="kling",
            p_generation_type="video",
            p_credits=2,
            p_generation_id=generation,
        )


@pytest.mark.slow
def test_no_call_is_lost_and_none_counts_twice(old_database: Database) -> None:
    started = threading.Barrier(SESSIONS + 1)
    over = threading.Event()

    def traffic(conn: psycopg.Connection[Any], _: int) -> Customer:
        customer = Customer(old_database, conn)
        for _round in range(FEWEST_ROUNDS):
            customer.round()
        started.wait(60)
        while not over.is_set():
            customer.round()
            customer.rounds_meanwhile += 1
        for _round in range(FEWEST_ROUNDS):
            customer.round()
        return customer

    def migrate() -> int:
        """Upgrade; returns how often it began anew, because others held what it needed."""
        steps: list[str] = []
        started.wait(60)
        try:
            deploy.migrate(old_database.dsn, on_step=steps.append)
        finally:
            over.set()
        return steps.count("look") - 1

    with ThreadPoolExecutor(1) as pool:
        upgrade = pool.submit(migrate)
        outcomes = at_once(old_database, SESSIONS, traffic, deadline=180)
        begun_anew = upgrade.result()

    customers = [outcome.get() for outcome in outcomes]
    assert len(values(outcomes)) == SESSIONS
    assert sum(customer.rounds_meanwhile for customer in customers) > SESSIONS
    assert begun_anew <= MOST_BEGUN_ANEW
    assert deploy.check(old_database.dsn).findings == ()
    with old_database.connect() as conn:
        for customer in customers:
            assert balance(conn, customer.user) == customer.balance
            kinds = Counter(e.transaction_type for e in entries(conn, customer.user))
            rounds = customer.balance // 5
            assert kinds == {"grant": rounds, "deduction": 3 * rounds, "refund": rounds}
            assert customer.calls == 6 * rounds
