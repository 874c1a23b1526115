"""The cut-over: in one transaction balances come over, and the old tables are closed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.errors import AdoptionError
from pgcredits.adopt.move import closing, history, mirroring
from pgcredits.adopt.plan.amounts import require_whole
from pgcredits.adopt.plan.fingerprints import fingerprint
from pgcredits.adopt.plan.model import Balances
from pgcredits.adopt.plan.tiers import plans_of_tiers
from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgcredits.adopt.move.progress import Run, Watcher
    from pgcredits.adopt.plan.model import Plan

Connection = psycopg.Connection[Any]
SQL = sql.SQL

USERS_BATCH = 10_000

#: How long we wait for the tables' locks, and others behind us, before we let them pass and retry.
LOCK_TIMEOUT = "2s"
LOCK_ATTEMPTS = 60
LOCK_PAUSE_SECONDS = 0.5

_IMPORT_BALANCES = read_template(__package__, "import_balances.sql")
_IMPORT_PLANS = read_template(__package__, "import_plans.sql")
_NOTE_CLOSED = read_sql(__package__, "note_closed.sql")
_OLD_BALANCES = read_template(__package__, "old_balances.sql")
_IMPORTED_TABLE = read_sql(__package__, "imported_table.sql")


def is_cut_over(conn: Connection, plan: Plan) -> bool:
    """Whether all tables of the plan are closed."""
    return all(
        any(
            row.closed_at
            for row in conn.execute(_IMPORTED_TABLE, {"table": part.table, "role": part.role})
        )
        for part in plan.parts
    )


def cut_over(conn: Connection, plan: Plan, watcher: Watcher, done: Run) -> None:
    """Bring the balances over and close the old tables, all or nothing.

    Raises:
        PlanError: Some balances cannot come over as they are.
        AdoptionError: The tables could not be locked.
    """
    watcher.scene("cutting over")

    def move_balances() -> None:
        began = _lock(conn, plan)
        # Balances may have changed since they were checked without the lock.
        require_whole(conn, plan)
        for old in plan.history:
            done.history_rows += history.catch_up(conn, plan, old)
        done.balances = sum(_import_balances(conn, plan, part) for part in plan.balances)
        for part in plan.balances:
            _import_tiers(conn, plan, part)
        _close(conn, plan)
        mirroring.begin(conn, plan)
        done.locked_seconds = time.monotonic() - began

    _until_unlocked(conn, move_balances)


def keep_mirroring(conn: Connection, plan: Plan) -> None:
    """Read the tables that stay open as the plan says it now.

    Raises:
        AdoptionError: The tables could not be locked.
    """
    _until_unlocked(conn, lambda: mirroring.begin(conn, plan))


def _until_unlocked(conn: Connection, act: Callable[[], None]) -> None:
    """Do something that locks tables in one transaction; let others pass, and try again."""
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            with conn.transaction():
                conn.execute(SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
                act()
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.DeadlockDetected,
            # A user was granted credits in pgcredits at the same moment.
            psycopg.errors.UniqueViolation,
        ) as error:
            if attempt == LOCK_ATTEMPTS:
                raise AdoptionError(
                    f"the old tables could not be locked in {LOCK_ATTEMPTS} attempts: "
                    f"{error.diag.message_primary}",
                    "Something holds them all the time: look at pg_stat_activity for long "
                    "transactions. Nothing was cut over; run it again.",
                ) from None
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return


def _lock(conn: Connection, plan: Plan) -> float:
    """Lock the old tables against writes, not against reads; returns when."""
    tables = plan.locked_tables()
    began = time.monotonic()
    if tables:
        conn.execute(
            SQL("lock table {} in share row exclusive mode").format(
                SQL(", ").join(expressions.table(name) for name in tables)
            )
        )
    return began


def _import_balances(conn: Connection, plan: Plan, part: Balances) -> int:
    conn.execute(
        _OLD_BALANCES.format(
            name=sql.Literal(part.table),
            users=sql.Literal(USERS_BATCH),
            balances=queries.balances(plan, part),
        )
    )
    # Where a row has several buckets, each has an idempotency key of its own.
    buckets = [bucket for one in plan.balances if one.table == part.table for bucket in one.buckets]
    suffix = SQL("(':' || b.bucket)" if len(buckets) > 1 else "''")
    (found,) = conn.execute(
        _IMPORT_BALANCES.format(user_id=expressions.user_id(plan, SQL("b.user_id")), suffix=suffix)
    ).fetchall()
    conn.execute("drop table old_balances")
    return int(found.imported)


def _import_tiers(conn: Connection, plan: Plan, part: Balances) -> None:
    if not part.tiers:
        return
    tiers = plans_of_tiers(conn, part)
    conn.execute(
        _IMPORT_PLANS.format(
            user_id=expressions.user_id(plan, expressions.user(plan, part)),
            tier=expressions.column(part.tier),
            table=expressions.table(part.table),
            allowance=expressions.column(part.allowance),
            words=sql.Literal(list(tiers)),
            plans=sql.Literal(list(tiers.values())),
            next_reset=queries.next_reset(part),
        )
    )


def _close(conn: Connection, plan: Plan) -> None:
    """Make the triggers that refuse further writes to the old tables."""
    for part in plan.parts:
        buckets = part.buckets if isinstance(part, Balances) else ()
        closing.close(
            conn, expressions.quoted(part.table), part.close, [one.column for one in buckets]
        )
        conn.execute(
            _NOTE_CLOSED,
            {"table": part.table, "role": part.role, "read_as": fingerprint(plan, part)},
        )
