"""kill -9 of the server in the middle of the storm; everything is reported again afterwards."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from pgcredits.deploy import migrate
from pgcredits.server import Server, ephemeral_server
from stress.lives.storm import (
    GENERATIONS,
    SESSIONS,
    Shot,
    assert_settled,
    new_users,
    set_policies,
    shots_at,
    start,
)
from support.api import rows

if TYPE_CHECKING:
    import random

DEADLINE_SECONDS = 300.0
IN_FLIGHT = ("pending", "processing")

pytestmark = pytest.mark.slow


class Client(threading.Thread):
    """Fires its shots, one after the other, until they are gone or the connection breaks."""

    def __init__(
        self, conn: psycopg.Connection[Any], shots: list[Shot], told: threading.Semaphore
    ) -> None:
        super().__init__(daemon=True)
        self.conn = conn
        self.shots = shots
        self.told = told
        self.answers: list[tuple[Shot, Any]] = []
        self.was_cut_off = False
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for shot in self.shots:
                self.answers.append((shot, shot.fire(self.conn)))
                self.told.release()
        except psycopg.OperationalError as error:
            # Deadlocks and serialization failures are of this class, too.
            self.was_cut_off = self.conn.broken
            self.error = None if self.conn.broken else error
        except BaseException as error:
            self.error = error
        finally:
            self.conn.close()


def connect(server: Server) -> psycopg.Connection[Any]:
    return psycopg.connect(
        server.dsn(), autocommit=True, row_factory=namedtuple_row, connect_timeout=30
    )


def fire(server: Server, shots: list[Shot], kill_after: int | None) -> list[Client]:
    """Fire from all sessions at once; kill the server when so many calls have been answered."""
    told = threading.Semaphore(0)
    clients = [Client(connect(server), shots[i::SESSIONS], told) for i in range(SESSIONS)]
    for client in clients:
        client.start()
    if kill_after is not None:
        for _ in range(kill_after):
            assert told.acquire(timeout=DEADLINE_SECONDS), "the storm came to a halt"
        server.kill()
    for client in clients:
        client.join(DEADLINE_SECONDS)
        assert not client.is_alive(), "a client hangs"
        if client.error is not None:
            raise client.error
    return clients


def assert_kept(conn: psycopg.Connection[Any], clients: list[Client]) -> int:
    """Every answer before the crash is still true; returns how many of them told of an end."""
    states = {
        row.generation_id: row
        for row in conn.execute(
            "select g.generation_id, g.status::text, coalesce(r.refunded, 0) as refunded"
            " from credits.generations as g left join credits.refund_totals as r"
            " on r.user_id = g.user_id and r.transaction_id = g.charge_transaction_id"
        )
    }
    ends = set()
    for shot, answer in (pair for client in clients for pair in client.answers):
        if shot.kind == "sweep":
            told = [(row.generation_id, "timed_out", row.credits) for row in answer]
        else:
            told = [(answer.generation_id, answer.status, answer.credits_refunded)]
        for generation, status, refunded in told:
            # A callback whose task nobody had attached was answered with nulls.
            if generation is None or status in IN_FLIGHT:
                continue
            ends.add(generation)
            assert states[generation].status == status, shot
            # More may have been refunded since, never less.
            assert states[generation].refunded >= refunded, shot
    return len(ends)


@pytest.mark.timeout(900)
def test_the_storm_ends_rightly_over_kill_nine(rng: random.Random) -> None:
    with ephemeral_server(
        fsync=True, options={"synchronous_commit": "on", "max_connections": "100"}
    ) as server:
        migrate(server.dsn())
        with connect(server) as conn:
            assert conn.execute("show fsync").fetchone() == ("on",)
            set_policies(conn)
            generations = start(conn, new_users(conn), GENERATIONS, rng)

        # The crash came in the middle: some generations have ended, some have not.
        first = shots_at(generations, rng)
        before = fire(server, first, kill_after=rng.randint(200, 600))
        assert sum(client.was_cut_off for client in before) == SESSIONS

        server.start()
        with connect(server) as conn:
            ended = assert_kept(conn, before)
            assert 0 < ended < GENERATIONS
            assert rows(conn, "verify_ledger") == []
            open_ones = conn.execute(
                "select count(*) as n from credits.generations as g where g.finished_at is null"
            ).fetchone()
            assert open_ones is not None
            assert open_ones.n > 0

        # Nobody knows what was done: everything is reported again.
        after = fire(server, shots_at(generations, rng), kill_after=None)
        with connect(server) as conn:
            assert_kept(conn, before + after)
            # What came before the crash may have been kept, or lost with its answer.
            assert_settled(conn, generations, times=2)
