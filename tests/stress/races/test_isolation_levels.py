"""Every kind of call at once, at every isolation level: only what asks for a retry may escape."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from stress.races.fire import (
    ISOLATION_LEVELS,
    READ_COMMITTED,
    REPEATABLE_READ,
    SERIALIZABLE,
    attempt,
    code_of,
    grant_due,
    isolated,
    refusals,
)
from support.api import call, new_user, rows
from support.races import Session, at_once

if TYPE_CHECKING:
    import random
    import uuid
    from collections.abc import Callable

    from support.databases import Database

SESSIONS = 16
CALLS = 100
RETRY = {"40001", "40P01"}
# What the rules say to a call that comes too late, or finds too little.
RULES = {"insufficient_credits", "over_refund", "account_frozen"}


class Hustle:
    """One session's share of the traffic; what it was told is kept."""

    def __init__(
        self, conn: psycopg.Connection[Any], name: str, users: list[uuid.UUID], rng: random.Random
    ) -> None:
        self.conn = conn
        self.name = name
        self.users = users
        self.rng = rng
        self.charges: list[tuple[uuid.UUID, uuid.UUID]] = []
        self.grants: list[tuple[uuid.UUID, uuid.UUID]] = []
        self.told: dict[tuple[uuid.UUID, str], tuple[uuid.UUID, int]] = {}
        self.escaped: Counter[str] = Counter()

    def run(self) -> Hustle:
        for n in range(CALLS):
            self.escaped += refusals([attempt(partial(self.one_call, f"{self.name}-{n}"))])
        return self

    def one_call(self, key: str) -> None:
        user = self.rng.choice(self.users)
        kinds = "grant deduct deduct refund refund revoke sweep several configure"
        match self.rng.choice(kinds.split()):
            case "grant":
                self.grant(user, key)
            case "deduct":
                self.deduct(user, key)
            case "refund":
                self.refund(key)
            case "revoke":
                self.revoke(key)
            case "sweep":
                self.sweep()
            case "several":
                self.several(user, key)
            case "configure":
                self.configure(user)

    def keep(self, user: uuid.UUID, key: str, row: Any, moved: int) -> None:
        if not row.replayed and row.transaction_id is not None:
            self.told[user, key] = (row.transaction_id, moved)

    def grant(self, user: uuid.UUID, key: str) -> None:
        row = call(self.conn, "grant_user_credits", user, 9, p_idempotency_key=key)
        self.keep(user, key, row, row.credits)
        self.grants.append((user, row.transaction_id))

    def deduct(self, user: uuid.UUID, key: str) -> None:
        cost = self.rng.randint(1, 6)
        row = call(self.conn, "deduct_user_credits", user, cost, p_idempotency_key=key)
        self.keep(user, key, row, row.credits)
        self.charges.append((user, row.transaction_id))

    def refund(self, key: str) -> None:
        if self.charges:
            user, charge = self.rng.choice(self.charges)
            amount = self.rng.choice([None, 1, 2])
            row = call(
                self.conn, "refund_user_credits", user, charge, amount, p_idempotency_key=key
            )
            self.keep(user, key, row, row.credits_refunded)

    def revoke(self, key: str) -> None:
        if self.grants:
            user, granted = self.rng.choice(self.grants)
            amount = self.rng.choice([None, 3])
            row = call(
                self.conn, "revoke_user_credits", user, granted, amount, p_idempotency_key=key
            )
            self.keep(user, key, row, row.credits)

    def sweep(self) -> None:
        name = self.rng.choice(["expire_user_credits", "apply_allowances"])
        for row in rows(self.conn, name, p_limit=2):
            assert row.error is None

    def several(self, user: uuid.UUID, key: str) -> None:
        """A caller's own transaction: all of it or nothing."""
        with self.conn.transaction():
            row = call(self.conn, "grant_user_credits", user, 2)
            charge = call(self.conn, "deduct_user_credits", user, 2, p_idempotency_key=key)
            call(self.conn, "refund_user_credits", user, charge.transaction_id, 1)
        self.keep(user, key, charge, charge.credits)
        self.grants.append((user, row.transaction_id))

    def configure(self, user: uuid.UUID) -> None:
        choices: list[tuple[str, list[Any]]] = [
            ("set_user_plan", [self.rng.choice(["free", "plus", "pro"])]),
            ("set_low_balance_threshold", [3]),
            ("freeze_user_credits", ["a while"]),
            ("unfreeze_user_credits", []),
            ("unfreeze_user_credits", []),
            ("redact_user", []),
        ]
        name, arguments = self.rng.choice(choices)
        call(self.conn, name, user, *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("level", ISOLATION_LEVELS)
def test_only_retries_escape_from_mixed_traffic(
    database: Database, conn: psycopg.Connection[Any], rng: random.Random, level: str
) -> None:
    users = [new_user() for _ in range(6)]
    for user in users:
        call(conn, "grant_user_credits", user, 40)
        call(conn, "set_user_plan", user, "free")
    grant_due(conn, users, 5)
    # Two users who make their first call in the middle of it.
    users += [new_user(), new_user()]
    seeds = [type(rng)(rng.random()) for _ in range(SESSIONS)]

    def work(conn: psycopg.Connection[Any], i: int) -> Hustle:
        return Hustle(conn, f"session {i}", users, seeds[i]).run()

    hustles = [outcome.get() for outcome in at_once(database, SESSIONS, work, **isolated(level))]

    escaped = sum((hustle.escaped for hustle in hustles), Counter[str]())
    # In READ COMMITTED there is nothing to retry, and above all no deadlock.
    assert set(escaped) <= RULES | (RETRY if level != READ_COMMITTED else set())
    if level != READ_COMMITTED:
        assert escaped["40001"] > 0

    written = {
        (row.user_id, row.idempotency_key): (row.transaction_id, row.credits)
        for row in conn.execute(
            "select t.* from credits.credit_transactions as t"
            " where t.idempotency_key like 'session %'"
        )
    }
    told = {key: effect for hustle in hustles for key, effect in hustle.told.items()}
    assert len(told) > SESSIONS
    assert written == told


# --- a session that looks at an older state -------------------------------------------------------


class Case:
    """A user to whom everything can be done."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.user = new_user()
        self.granted = call(conn, "grant_user_credits", self.user, 100).transaction_id
        self.spent = call(conn, "grant_user_credits", self.user, 5, p_priority=1).transaction_id
        self.charge = call(conn, "deduct_user_credits", self.user, 5).transaction_id
        call(conn, "set_user_plan", self.user, "free")


CALLS_THAT_WRITE: dict[str, Callable[[psycopg.Connection[Any], Case], Any]] = {
    "grant": lambda conn, c: call(conn, "grant_user_credits", c.user, 5),
    "deduct": lambda conn, c: call(conn, "deduct_user_credits", c.user, 5),
    "deduct with a key": lambda conn, c: call(
        conn, "deduct_user_credits", c.user, 5, p_idempotency_key="k"
    ),
    "deduct from two lots": lambda conn, c: call(conn, "deduct_user_credits", c.user, 100),
    "refund": lambda conn, c: call(conn, "refund_user_credits", c.user, c.charge),
    "refund a part": lambda conn, c: call(conn, "refund_user_credits", c.user, c.charge, 1),
    "revoke": lambda conn, c: call(conn, "revoke_user_credits", c.user, c.granted),
    "revoke what is spent": lambda conn, c: call(conn, "revoke_user_credits", c.user, c.spent, 1),
    "set plan": lambda conn, c: call(conn, "set_user_plan", c.user, "pro"),
    "set threshold": lambda conn, c: call(conn, "set_low_balance_threshold", c.user, 5),
    "freeze": lambda conn, c: call(conn, "freeze_user_credits", c.user, "fraud"),
    "redact": lambda conn, c: call(conn, "redact_user", c.user),
    "allowance": lambda conn, _: rows(conn, "apply_allowances", p_limit=100),
}


@pytest.mark.parametrize("level", [REPEATABLE_READ, SERIALIZABLE])
@pytest.mark.parametrize("stale", CALLS_THAT_WRITE)
def test_a_stale_session_is_told_to_retry_and_nothing_else(
    database: Database, conn: psycopg.Connection[Any], stale: str, level: str
) -> None:
    with Session(database, **isolated(level)) as session:
        for meanwhile, write in CALLS_THAT_WRITE.items():
            if "allowance" in (stale, meanwhile) and stale == meanwhile:
                continue  # the candidates are chosen again, and this user is none any more
            case = Case(conn)
            session.run("begin")
            session.run("select * from credits.get_user_credits(%s)", (case.user,))
            write(conn, case)

            with pytest.raises(psycopg.Error) as refusal:
                CALLS_THAT_WRITE[stale](session.conn, case)

            assert code_of(refusal.value) == "40001", meanwhile
            session.run("rollback")
            # Tried again, the call sees the new state: it is done, or refused by the rules.
            again = attempt(partial(CALLS_THAT_WRITE[stale], session.conn, case))
            assert set(refusals([again])) <= RULES, meanwhile


@pytest.mark.parametrize("level", [REPEATABLE_READ, SERIALIZABLE])
def test_a_stale_expiry_sweep_is_told_to_retry(
    database: Database, conn: psycopg.Connection[Any], level: str
) -> None:
    for write in ("deduct_user_credits", "expire_user_credits", "grant_user_credits"):
        case = Case(conn)
        grant_due(conn, [case.user], 7)
        with Session(database, **isolated(level)) as session:
            session.run("begin")
            session.run("select * from credits.get_user_credits(%s)", (case.user,))
            if write == "expire_user_credits":
                rows(conn, write)
            else:
                call(conn, write, case.user, 1)

            with pytest.raises(psycopg.Error) as refusal:
                rows(session.conn, "expire_user_credits")

            assert code_of(refusal.value) == "40001"
            session.run("rollback")
            assert rows(session.conn, "expire_user_credits") == []


@pytest.mark.parametrize("level", [REPEATABLE_READ, SERIALIZABLE])
@pytest.mark.parametrize("name", ["grant_user_credits", "set_low_balance_threshold"])
def test_a_session_older_than_the_user_is_told_to_retry(
    database: Database, conn: psycopg.Connection[Any], name: str, level: str
) -> None:
    user = new_user()
    with Session(database, **isolated(level)) as session:
        session.run("begin")
        session.run("select * from credits.get_user_credits(%s)", (user,))
        call(conn, "grant_user_credits", user, 5)

        with pytest.raises(psycopg.Error) as refusal:
            call(session.conn, name, user, 5)

        assert code_of(refusal.value) == "40001"
