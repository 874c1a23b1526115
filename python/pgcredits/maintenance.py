"""Run the maintenance tasks of the database in rounds, each task in transactions of its own.

Any number of such programs may run beside each other, and beside pg_cron: a task skips what another
has locked, and the next round takes it.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors

from pgcredits.connections import connect, requiring_installation, with_keepalives
from pgcredits.errors import ConnectionFailedError, PgcreditsError, RefusedError
from pgcredits.exit_status import ExitStatus
from pgcredits.long_running import Backoff
from pgcredits.roles import read_roles
from pgcredits.traffic import OtherTraffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from pgcredits.long_running import Stop

#: A sweep takes up to so many turns in one transaction, and is called again while there are more.
#: Whom it has served stays locked until the transaction ends, a fraction of a second later.
BATCH = 200
#: While others work on the server, a batch has a tenth of that, and a pause as long as itself
#: follows: a whole processor for maintenance alone would be missed by everybody.
GIVING_WAY = 10
#: Seconds of such a pause at most.
LONGEST_PAUSE = 1.0
#: A sweep is called at most so often in one round, so that the other tasks have their turns, too;
#: the next round begins at once with the rest.
BATCHES = 50
#: Users whose ledger is checked in a round; fewer where a sweep is behind, since the next round
#: begins at once then.
CHECKED, CHECKED_WHILE_BEHIND = 500, 100
#: A round comes earlier or later by up to this share, so that several drift apart.
JITTER = 0.1
#: No task should wait long: it skips busy users, and others wait for the locks that it holds.
LOCK_TIMEOUT = "10s"
#: Long enough for a sweep: roles often have a short statement_timeout, meant for web requests.
STATEMENT_TIMEOUT = "10min"
#: How often a batch is tried that fails because of another transaction.
TRIES = 3

_SWEEP = (
    "select count(*) filter (where s.error is null) as done,"
    " array_agg(s.user_id) filter (where s.error is not null) as failed, min(s.error) as error"
    " from credits.{}(p_limit => %(batch)s) as s"
)
#: In run_maintenance's order: waiting callbacks are applied before anything times out, allowances
#: come first since their turns write the users' expiries, too, and alerts are judged last.
TASKS = {
    "apply_waiting_callbacks": _SWEEP.format("apply_waiting_callbacks"),
    "sweep_stuck_generations": _SWEEP.format("sweep_stuck_generations"),
    "retry_failed_refunds": _SWEEP.format("retry_failed_refunds"),
    "apply_allowances": _SWEEP.format("apply_allowances"),
    "expire_user_credits": _SWEEP.format("expire_user_credits"),
    "check_ledger": (
        "select count(*) as done, null as failed, null as error"
        " from credits.check_ledger(p_limit => %(checked)s)"
    ),
    "purge_history": (
        "select credits.purge_history(p_limit => %(batch)s) as done, null as failed, null as error"
    ),
    "check_alerts": (
        "select coalesce(sum(c.opened + c.resolved), 0)::bigint as done, null as failed,"
        " null as error from credits.check_alerts() as c"
    ),
}
_SWEEPS = frozenset(TASKS) - {"check_ledger", "check_alerts"}

# The settings hold for this transaction only: behind a pooler others use the same session.
_SETTINGS = """
select
    set_config('lock_timeout', %(lock)s, true) as lock_timeout,
    set_config('statement_timeout', %(statement)s, true) as statement_timeout,
    set_config(
        'application_name',
        case current_setting('application_name')
            when 'pgcredits' then 'pgcredits maintain'
            else current_setting('application_name')
        end,
        true
    ) as application_name
"""


class MaintenanceError(PgcreditsError):
    """A task could not be done."""

    exit_status = ExitStatus.MAINTENANCE


@dataclass(frozen=True)
class Done:
    """What became of one task in one round.

    Attributes:
        task: The function that was called; None = the connection was lost.
        count: How many users it served; of check_ledger, how many violations it found; of
            purge_history, how many generations, alerts and callbacks it went through; of
            check_alerts, how many alerts were opened and resolved. None where nothing is known.
        failed: How many users could not be served. Each has an alert of its own.
        error: What PostgreSQL said, of the task where count is None, else of one of the users.
        is_behind: There was more to do than fits in one round.
    """

    task: str | None
    count: int | None
    failed: int = 0
    error: str | None = None
    is_behind: bool = False


class Maintenance:
    """Rounds of tasks, over one connection that is opened anew when it is lost."""

    def __init__(self, dsn: str, stop: Stop) -> None:
        """Nothing is connected yet.

        Args:
            dsn: The database.
            stop: No further task, and no further batch of one, is begun once this is set.
        """
        self._dsn = with_keepalives(dsn)
        self._stop = stop
        self._conn: psycopg.Connection[Any] | None = None
        self._traffic = OtherTraffic()

    def open(self) -> None:
        """Connect, and check that the role may run maintenance.

        Raises:
            ConnectionFailedError: No connection.
            RefusedError: pgcredits is not installed there, or the role may not run this.
        """
        self._conn = connect(self._dsn)
        user = self._conn.info.user
        try:
            with requiring_installation():
                row = self._conn.execute(
                    "select has_function_privilege('credits.run_maintenance()', 'execute')"
                ).fetchone()
        except errors.InsufficientPrivilege:
            row = None
        if row is None or not row[0]:
            raise RefusedError(
                f"the role {user} may not run maintenance",
                read_roles(self._conn).in_text(f'Let it: grant credits_operator to "{user}".'),
            )

    def close(self) -> None:
        """End the connection."""
        if self._conn is not None:
            self._conn.close()

    def cancel(self) -> None:
        """Cancel the running batch, which is rolled back. A signal handler may call this."""
        if self._conn is not None and not self._conn.closed:
            with suppress(psycopg.Error):
                self._conn.cancel_safe(timeout=5)

    def run_round(self) -> Iterator[Done]:
        """Do each task; one that fails does not keep the others back.

        Raises:
            psycopg.Error: The connection is lost.
            ConnectionFailedError: It could not be opened anew.
        """
        if self._conn is None or self._conn.closed:
            self._conn = connect(self._dsn)
        behind: set[str] = set()
        for task in TASKS:
            if self._stop.is_set():
                return
            done = self._run_task(self._conn, task, behind)
            if done.is_behind:
                behind.add(task)
            yield done

    def run_rounds(self, interval: float, tell: Callable[[Done], None]) -> None:
        """Run rounds until told to stop. A lost connection is opened anew, as long as it takes.

        Args:
            interval: Seconds from the end of a round to the next, give or take JITTER.
            tell: Called with the outcome of each task, and when the connection is lost.
        """
        backoff = Backoff(min(1.0, interval), interval)
        while not self._stop.is_set():
            wait = interval * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            try:
                for done in self.run_round():
                    tell(done)
                    if done.is_behind:
                        wait = 0.0
                backoff.reset()
            except (psycopg.Error, ConnectionFailedError) as error:
                self.close()
                tell(Done(None, None, error=_in_a_line(error)))
                wait = backoff.seconds() * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            self._stop.wait(wait)

    def _run_task(self, conn: psycopg.Connection[Any], task: str, behind: set[str]) -> Done:
        """One task, batch by batch, each batch a transaction of its own."""
        # Whoever still waits for an allowance has their expiries written with it.
        waits = task == "expire_user_credits" and "apply_allowances" in behind
        checked = CHECKED_WHILE_BEHIND if behind else CHECKED
        count = 0
        failed: set[UUID] = set()
        error: str | None = None
        for _ in range(1 if waits else BATCHES):
            try:
                self._traffic.look(conn, own=1)
                batch = max(1, BATCH // GIVING_WAY) if self._traffic.is_busy else BATCH
                began = time.monotonic()
                row = self._run_batch(conn, task, batch, checked)
                took = time.monotonic() - began
            except psycopg.Error as fault:
                if conn.closed:
                    raise
                return Done(task, None, error=_in_a_line(fault))
            if self._traffic.is_busy:
                self._stop.wait(min(took, LONGEST_PAUSE))
            failing = set(row.failed or ())
            # Where nobody is served, and nobody fails who did not before, all have had a turn.
            has_gone_round = row.done == 0 and failing <= failed
            is_full = task in _SWEEPS and row.done + len(row.failed or ()) >= batch
            is_behind = is_full and not has_gone_round
            count += row.done
            failed |= failing
            error = row.error or error
            if not is_behind or self._stop.is_set():
                break
        return Done(task, count, len(failed), error and " ".join(error.split()), is_behind)

    def _run_batch(self, conn: psycopg.Connection[Any], task: str, batch: int, checked: int) -> Any:
        settings = {"lock": LOCK_TIMEOUT, "statement": STATEMENT_TIMEOUT}
        for left in reversed(range(TRIES)):
            try:
                with conn.transaction():
                    conn.execute(_SETTINGS, settings)
                    limits = {"batch": batch, "checked": checked}
                    return conn.execute(TASKS[task].encode(), limits).fetchone()
            except (
                errors.SerializationFailure,
                errors.DeadlockDetected,
                # Somebody has filled the queue of NOTIFY meanwhile. The next try sends nothing.
                errors.ProgramLimitExceeded,
            ):
                if not left or self._stop.is_set():
                    raise
        raise AssertionError


def _in_a_line(error: Exception) -> str:
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((said or str(error)).split())
