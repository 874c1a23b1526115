"""Races, with real threads and real connections.

`at_once` lets many sessions go at the same moment. `Session` is for the named interleavings: one
step here, one there, and the certainty that the one waits for the other.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from psycopg.rows import namedtuple_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    import psycopg

    from support.databases import Database

T = TypeVar("T")

# Far beyond what anything takes, even on a busy machine: reaching it is a failure.
DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.005


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What one session got: a value, or an error."""

    value: T | None = None
    error: BaseException | None = None

    def get(self) -> T:
        """The value; raises the error if there was one."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


def at_once(
    database: Database,
    n: int,
    work: Callable[[psycopg.Connection[Any], int], T],
    *,
    deadline: float = DEADLINE_SECONDS,
    **connect: Any,
) -> list[Outcome[T]]:
    """Run `work(conn, i)` for i in 0..n-1 in n sessions, all released at the same moment.

    Args:
        database: Where each of the threads has a connection of its own, open before the start.
        n: How many.
        work: What each does; its result or its exception is kept, in the order of i.
        deadline: Seconds until the race counts as stuck, which fails the test.
        connect: Passed to `database.connect`.
    """
    connections = [database.connect(**connect) for _ in range(n)]
    outcomes: list[Outcome[T] | None] = [None] * n
    start = threading.Barrier(n)

    def run(i: int) -> None:
        try:
            start.wait(deadline)
            outcomes[i] = Outcome(value=work(connections[i], i))
        except BaseException as error:
            outcomes[i] = Outcome(error=error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(n)]
    end = time.monotonic() + deadline
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    stuck = [i for i, thread in enumerate(threads) if thread.is_alive()]
    if stuck:
        waits = _waits(database)
        database.close()
        raise AssertionError(f"after {deadline} s sessions {stuck} of {n} still run: {waits}")
    for conn in connections:
        conn.close()
    return [outcome for outcome in outcomes if outcome is not None]


def values(outcomes: Iterable[Outcome[T]]) -> list[T]:
    """The values of those that had no error."""
    return [outcome.get() for outcome in outcomes if outcome.error is None]


def errors(outcomes: Iterable[Outcome[T]]) -> list[BaseException]:
    """The errors of those that had one."""
    return [outcome.error for outcome in outcomes if outcome.error is not None]


class Session:
    """One session of an interleaving.

    with Session(database) as a, Session(database) as b:
        a.run("begin")
        a.run("select * from credits.deduct_user_credits(%s, 5)", (user,))
        b.start("select * from credits.deduct_user_credits(%s, 5)", (user,))
        assert b.is_blocked()
        a.run("commit")
        b.result()
    """

    def __init__(self, database: Database, **connect: Any) -> None:
        """Open a connection of its own; the arguments go to `database.connect`."""
        self._database = database
        self.conn = database.connect(**connect)
        self.pid = self.conn.info.backend_pid
        self._thread: threading.Thread | None = None
        self._outcome: Outcome[Any] | None = None

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it. A statement that still runs is ended first."""
        if self._thread is not None and self._thread.is_alive():
            with self._database.server.connect() as admin:
                admin.execute("select pg_catalog.pg_terminate_backend(%s, 10000)", (self.pid,))
            self._thread.join(DEADLINE_SECONDS)
        self.conn.close()

    def run(self, statement: str, parameters: Any = None) -> list[Any]:
        """Run a statement here and now; returns its rows."""
        assert self._thread is None, "the statement before it has not been asked for its result"
        return self._execute(statement, parameters)

    def start(self, statement: str, parameters: Any = None) -> None:
        """Run a statement in the background."""
        self.start_work(lambda _conn: self._execute(statement, parameters))

    def start_work(self, work: Callable[[psycopg.Connection[Any]], Any]) -> None:
        """Run a function in the background, with this session's connection."""
        assert self._thread is None, "the statement before it has not been asked for its result"
        self._outcome = None

        def run() -> None:
            try:
                self._outcome = Outcome(value=work(self.conn))
            except BaseException as error:
                self._outcome = Outcome(error=error)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def is_blocked(self, *, by: Session | None = None, deadline: float = DEADLINE_SECONDS) -> bool:
        """Whether the background statement waits for a lock; False once it has ended.

        It is one or the other in the end, so this polls until it is known.

        Args:
            by: The session that must be in the way.
            deadline: Seconds until not knowing fails the test.
        """
        assert self._thread is not None, "nothing was started"
        end = time.monotonic() + deadline
        with self._database.server.connect() as admin:
            while self._thread.is_alive():
                row = admin.execute(
                    "select pg_catalog.pg_blocking_pids(%s)", (self.pid,)
                ).fetchone()
                blockers = row[0] if row else []
                if blockers and (by is None or by.pid in blockers):
                    return True
                if time.monotonic() > end:
                    raise AssertionError(f"neither blocked nor done: {_waits(self._database)}")
                time.sleep(POLL_SECONDS)
        return False

    def result(self, *, deadline: float = DEADLINE_SECONDS) -> Any:
        """Wait for the background statement: its rows, or its error raised."""
        assert self._thread is not None, "nothing was started"
        self._thread.join(deadline)
        if self._thread.is_alive():
            raise AssertionError(f"no result after {deadline} s: {_waits(self._database)}")
        self._thread = None
        assert self._outcome is not None
        return self._outcome.get()

    def _execute(self, statement: str, parameters: Any) -> list[Any]:
        with self.conn.cursor(row_factory=namedtuple_row) as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall()) if cursor.description else []


def _waits(database: Database) -> list[Any]:
    """Who does what, and who waits for whom: for the message of a failure."""
    with database.server.connect() as admin:
        return admin.execute(
            "select a.pid, a.state, a.wait_event_type, a.wait_event,"
            " pg_catalog.pg_blocking_pids(a.pid), a.query"
            " from pg_catalog.pg_stat_activity as a where a.datname = %s order by a.pid",
            (database.name,),
        ).fetchall()
