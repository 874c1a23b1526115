"""What has to be done from time to time, task by task, each in a transaction of its own.

Any number of these may run beside each other, and beside pg_cron: a task skips what another has
locked, and the next round takes it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from pgcredits.connections import connect
from pgcredits.errors import ConnectionFailedError, PgcreditsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

#: In run_maintenance's order. What waits is applied before anything times out, and alerts judge
#: what is left of it all.
TASKS = {
    "apply_waiting_callbacks": "select count(*) from credits.apply_waiting_callbacks()",
    "sweep_stuck_generations": "select count(*) from credits.sweep_stuck_generations()",
    "retry_failed_refunds": "select count(*) from credits.retry_failed_refunds()",
    "expire_user_credits": "select count(*) from credits.expire_user_credits()",
    "apply_monthly_allowances": "select count(*) from credits.apply_monthly_allowances()",
    "check_ledger": "select count(*) from credits.check_ledger()",
    "check_alerts": "select coalesce(sum(opened + resolved), 0) from credits.check_alerts()",
}
#: A round comes earlier or later by up to this share, so that several drift apart.
JITTER = 0.1


class MaintenanceError(PgcreditsError):
    """A task could not be done."""

    exit_status = 20


@dataclass(frozen=True)
class Done:
    """What became of one task in one round.

    Attributes:
        task: The function that was called.
        affected: How many rows it returned; of check_alerts, how many alerts were opened and
            resolved. None where it failed.
        error: What PostgreSQL said, where it failed.
    """

    task: str
    affected: int | None
    error: str | None = None


def run_once(conn: psycopg.Connection[Any], stop: Event) -> Iterator[Done]:
    """Do each task, in a transaction of its own; one that fails does not keep the others back.

    Args:
        conn: An autocommitting connection of a role that may call the functions.
        stop: No further task is begun once this is set.

    Raises:
        psycopg.Error: The connection is lost.
    """
    for task, query in TASKS.items():
        if stop.is_set():
            return
        try:
            row = conn.execute(query.encode()).fetchone()
        except psycopg.Error as error:
            if conn.closed:
                raise
            yield Done(task, None, error.diag.message_primary or str(error))
        else:
            yield Done(task, int(row[0]) if row else 0)


def maintain(dsn: str, *, interval: float, stop: Event, tell: Callable[[Done | str], None]) -> None:
    """Run rounds until `stop` is set. A lost connection is opened anew, as long as it takes.

    Args:
        dsn: Where; the first connection must succeed.
        interval: Seconds from the end of a round to the next, give or take JITTER.
        stop: Set it from a signal handler: the task that is running is finished.
        tell: Told of each task, and of a connection that is lost.

    Raises:
        ConnectionFailedError: The first connection failed.
    """
    conn = connect(dsn)
    try:
        while not stop.is_set():
            try:
                if conn.closed:
                    conn = connect(dsn)
                for done in run_once(conn, stop):
                    tell(done)
            except (psycopg.Error, ConnectionFailedError) as error:
                conn.close()
                tell(f"no connection: {' '.join(str(error).split())}")
            stop.wait(interval * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311
    finally:
        conn.close()
