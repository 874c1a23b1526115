"""kill -9 of the server in the middle of its work, ten times over: what was answered is kept."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from pgcredits.deploy import migrate
from pgcredits.server import Server, ephemeral_server
from stress.races.fire import grant_due
from support.api import call, new_user, rows

if TYPE_CHECKING:
    import random
    import uuid
    from collections.abc import Iterator

KILLS = 10
CLIENTS = 8
USERS = 12
DEADLINE_SECONDS = 60.0

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Call:
    """A call under a key, to be retried until it is answered."""

    user: uuid.UUID
    key: str
    function: str
    arguments: tuple[Any, ...]

    def make(self, conn: psycopg.Connection[Any]) -> Any:
        return call(conn, self.function, self.user, *self.arguments, p_idempotency_key=self.key)


def answer_or_refusal(conn: psycopg.Connection[Any], made: Call) -> Any | None:
    """The row that answers a call; None where the rules refuse it."""
    try:
        return made.make(conn)
    except psycopg.Error as error:
        if (error.sqlstate or "").startswith("PT"):
            return None
        raise


class Client(threading.Thread):
    """Calls, one after the other, until the connection breaks.

    Calls that were made in one transaction stand together: they are kept or lost together.
    """

    def __init__(
        self,
        name: str,
        conn: psycopg.Connection[Any],
        users: list[uuid.UUID],
        rng: random.Random,
        told: threading.Semaphore,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.conn = conn
        self.users = users
        self.rng = rng
        self.told = told
        self.acknowledged: list[list[tuple[Call, Any]]] = []
        self.unanswered: list[Call] = []
        self.swept: list[Any] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for n in range(1_000_000):
                self.act(f"{self.name} {n}")
                self.told.release()
        except psycopg.OperationalError:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.conn.close()

    def act(self, key: str) -> None:
        user = self.rng.choice(self.users)
        kind = self.rng.choice(["grant", "deduct", "deduct", "refund", "revoke", "two", "sweep"])
        if kind == "sweep":
            self.swept += rows(self.conn, "expire_user_credits", p_limit=2)
        elif kind == "two":
            amount = self.rng.randint(1, 9)
            self.make(
                Call(user, f"{key} a", "grant_user_credits", (amount,)),
                Call(user, f"{key} b", "deduct_user_credits", (amount,)),
            )
        elif kind == "deduct":
            self.make(Call(user, key, "deduct_user_credits", (self.rng.randint(1, 9),)))
        elif kind == "grant":
            self.make(Call(user, key, "grant_user_credits", (self.rng.randint(1, 20),)))
        else:
            done = "deduct_user_credits" if kind == "refund" else "grant_user_credits"
            targets = [
                (made.user, row.transaction_id)
                for together in self.acknowledged
                for made, row in together
                if made.function == done
            ]
            if targets:
                user, target = self.rng.choice(targets)
                self.make(Call(user, key, f"{kind}_user_credits", (target, 1)))

    def make(self, *calls: Call) -> None:
        self.unanswered = list(calls)
        if len(calls) == 1:
            answers = [answer_or_refusal(self.conn, calls[0])]
        else:
            with self.conn.transaction():
                answers = [each.make(self.conn) for each in calls]
        if None not in answers:
            self.acknowledged.append(list(zip(calls, answers, strict=True)))
        self.unanswered = []


def connect(server: Server) -> psycopg.Connection[Any]:
    return psycopg.connect(
        server.dsn(), autocommit=True, row_factory=namedtuple_row, connect_timeout=30
    )


def fire_until_killed(
    server: Server, users: list[uuid.UUID], rng: random.Random, number: int
) -> list[Client]:
    """Let the clients at it, and kill the server when so many calls have been answered."""
    told = threading.Semaphore(0)
    clients = [
        Client(f"{number}-{i}", connect(server), users, type(rng)(rng.random()), told)
        for i in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    for _ in range(rng.randint(60, 240)):
        assert told.acquire(timeout=DEADLINE_SECONDS), "the load came to a halt"
    server.kill()
    for client in clients:
        client.join(DEADLINE_SECONDS)
        assert not client.is_alive(), f"client {client.name} hangs"
        if client.error is not None:
            raise client.error
    return clients


@dataclass
class Written:
    """What a call has left in the ledger."""

    transaction_id: uuid.UUID
    credits: int
    balance: int


def entries(conn: psycopg.Connection[Any]) -> dict[tuple[uuid.UUID, str], Written]:
    """What the calls with a key have left, by user and key."""
    found: dict[tuple[uuid.UUID, str], Written] = {}
    last: Written | None = None
    for row in conn.execute(
        "select t.* from credits.credit_transactions as t order by t.user_id, t.seq"
    ):
        if row.idempotency_key is not None:
            last = Written(row.transaction_id, row.credits, row.balance_after)
            found[row.user_id, row.idempotency_key] = last
        elif row.transaction_type == "revocation":
            # A refund into a revoked lot is followed by this, in the same call.
            assert last is not None
            last.balance = row.balance_after
    return found


def revocations(conn: psycopg.Connection[Any]) -> set[tuple[uuid.UUID, str]]:
    """Keys of revocations that could recover nothing."""
    return {
        (row.user_id, row.idempotency_key)
        for row in conn.execute(
            "select r.* from credits.revocations as r where r.transaction_id is null"
        )
    }


def answers_of(clients: list[Client]) -> Iterator[tuple[Call, Any]]:
    return (pair for client in clients for together in client.acknowledged for pair in together)


def assert_kept(conn: psycopg.Connection[Any], clients: list[Client]) -> None:
    """Every answer that was given is still true."""
    written = entries(conn)
    for made, answer in answers_of(clients):
        if answer.transaction_id is None:
            assert (made.user, made.key) in revocations(conn), f"lost: {made}"
            continue
        row = written.get((made.user, made.key))
        moved = answer.credits if hasattr(answer, "credits") else answer.credits_refunded
        told = Written(answer.transaction_id, moved, answer.balance)
        assert row == told, f"lost: {made}"
    expired = Counter(
        (row.user_id, row.credits)
        for row in conn.execute(
            "select t.* from credits.credit_transactions as t where t.transaction_type = 'expiry'"
        )
    )
    swept = Counter((row.user_id, row.credits) for client in clients for row in client.swept)
    assert swept <= expired


def assert_nothing_is_half_done(conn: psycopg.Connection[Any], clients: list[Client]) -> None:
    assert rows(conn, "verify_ledger") == []
    # What is owed is taken in the call that brings it back: nothing waits in such a lot.
    assert not conn.execute(
        "select l.lot_id from credits.credit_lots as l where l.revoked_owed > 0 and l.remaining > 0"
    ).fetchall()
    written = set(entries(conn)) | revocations(conn)
    for client in clients:
        kept = [(each.user, each.key) in written for each in client.unanswered]
        assert len(set(kept)) <= 1, f"half of a transaction: {client.unanswered}"


def retry(conn: psycopg.Connection[Any], clients: list[Client]) -> int:
    """The clients repeat the calls that had no answer; returns how many of them had been done."""
    written = set(entries(conn)) | revocations(conn)
    done = 0
    for client in clients:
        for unanswered in client.unanswered:
            was_done = (unanswered.user, unanswered.key) in written
            answer = answer_or_refusal(conn, unanswered)
            if answer is None:
                assert not was_done
                continue
            assert answer.replayed == was_done
            assert unanswered.make(conn) == answer._replace(replayed=True)
            done += was_done
    return done


@pytest.mark.timeout(600)
def test_acknowledged_calls_outlive_kill_nine(rng: random.Random) -> None:
    users = [new_user() for _ in range(USERS)]
    everybody: list[Client] = []
    unanswered = 0

    with ephemeral_server(fsync=True, options={"synchronous_commit": "on"}) as server:
        migrate(server.dsn())
        with connect(server) as conn:
            assert conn.execute("show fsync").fetchone() == ("on",)
            for user in users:
                call(conn, "grant_user_credits", user, 500)
            grant_due(conn, [new_user() for _ in range(300)], 5)

        for number in range(KILLS):
            clients = fire_until_killed(server, users, rng, number)
            everybody += clients
            unanswered += sum(bool(client.unanswered) for client in clients)

            server.start()
            with connect(server) as conn:
                assert_kept(conn, everybody)
                assert_nothing_is_half_done(conn, clients)
                retry(conn, clients)
                assert rows(conn, "verify_ledger") == []

        with connect(server) as conn:
            counted = conn.execute(
                "select count(*) as n, count(distinct (t.user_id, t.idempotency_key)) as keys"
                " from credits.credit_transactions as t where t.idempotency_key is not null"
            ).fetchone()
        assert counted is not None
        assert counted.n == counted.keys
    # Each kill came in the middle of the work.
    assert unanswered >= KILLS
    assert sum(1 for _ in answers_of(everybody)) >= KILLS * 40
