"""The connection is cut after COMMIT and before the answer: the client retries with its key."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from stress.crashes.proxy import Loss, Proxy, Relay
from support.api import call, new_user
from support.races import at_once

if TYPE_CHECKING:
    import random
    import uuid
    from collections.abc import Callable

    from support.databases import Database

TIMES = 1000
WORKERS = 4

pytestmark = pytest.mark.slow


@dataclass
class Story:
    """One user, whose client gets no answer to its first calls, and what the user should have."""

    user: uuid.UUID
    rng: random.Random
    balance: int = 0
    calls: int = 0
    charge: uuid.UUID | None = None
    charged: int = 0
    granted: uuid.UUID | None = None

    def next_call(self) -> tuple[str, tuple[Any, ...], int]:
        """A function, its arguments after the user, and what it must move."""
        kinds = ["grant", "deduct"]
        kinds += ["refund"] if self.charged > 1 else []
        kinds += ["revoke"] if self.granted else []
        kind = self.rng.choice(kinds if self.balance >= 20 else ["grant"])
        if kind == "refund":
            back = self.rng.randint(1, self.charged - 1)
            self.charged -= back
            return kind, (self.charge, back), back
        if kind == "revoke":
            # Revoke the latest grant, before anything else can burn it.
            granted, self.granted = self.granted, None
            return kind, (granted, 3), -3
        amount = self.rng.randint(5, 15)
        return kind, (amount,), amount if kind == "grant" else -amount

    def note(self, kind: str, row: Any, moved: int) -> None:
        self.balance += moved
        self.granted = row.transaction_id if kind == "grant" else None
        if kind == "deduct":
            self.charge, self.charged = row.transaction_id, -moved


def moved_by(row: Any) -> int:
    moved: int = row.credits if hasattr(row, "credits") else row.credits_refunded
    return moved


def cut_and_retry(
    proxy: Proxy,
    direct: psycopg.Connection[Any],
    story: Story,
    loss: Loss,
    *,
    in_transaction: bool,
) -> None:
    """Make a call whose answer is lost, and repeat it as the client does: under the same key."""
    kind, arguments, moved = story.next_call()
    story.calls += 1
    key = f"call {story.calls}"

    def make(conn: psycopg.Connection[Any]) -> Any:
        return call(conn, f"{kind}_user_credits", story.user, *arguments, p_idempotency_key=key)

    with psycopg.connect(proxy.dsn, autocommit=True, connect_timeout=30) as conn:
        relay: Relay = proxy.relay_of(conn)
        relay.lose(loss)
        # In a transaction of the caller's it is COMMIT whose answer is lost.
        transaction = conn.transaction() if in_transaction else nullcontext()
        with pytest.raises(psycopg.OperationalError), transaction:
            make(conn)
    assert relay.lost is loss

    row = make(direct)
    assert row.replayed == (loss is Loss.ANSWER)
    assert moved_by(row) == moved
    story.note(kind, row, moved)
    assert row.balance == story.balance
    # Further repetitions of the call get the same answer.
    assert make(direct) == row._replace(replayed=True)


def tell_all(
    database: Database, rng: random.Random, times: int, loss_of: Callable[[random.Random], Loss]
) -> None:
    stories = [Story(new_user(), type(rng)(rng.random())) for _ in range(WORKERS)]

    with Proxy(database.dsn) as proxy:

        def work(conn: psycopg.Connection[Any], i: int) -> None:
            for n in range(times // WORKERS):
                loss = loss_of(stories[i].rng)
                cut_and_retry(proxy, conn, stories[i], loss, in_transaction=n % 3 == 0)

        for outcome in at_once(database, WORKERS, work, deadline=300):
            outcome.get()

    with database.connect() as conn:
        for story in stories:
            keys = conn.execute(
                "select t.idempotency_key from credits.credit_transactions as t"
                " where t.user_id = %s",
                (story.user,),
            )
            times_seen = Counter(key for (key,) in keys)
            assert times_seen == {f"call {n}": 1 for n in range(1, times // WORKERS + 1)}
            assert call(conn, "get_user_credits", story.user).balance == story.balance


@pytest.mark.timeout(600)
def test_a_thousand_lost_answers_have_one_effect_each(
    database: Database, rng: random.Random
) -> None:
    tell_all(database, rng, TIMES, lambda _: Loss.ANSWER)


def test_a_client_that_cannot_know_what_was_lost_may_always_retry(
    database: Database, rng: random.Random
) -> None:
    tell_all(database, rng, 100, lambda rng: rng.choice(list(Loss)))
