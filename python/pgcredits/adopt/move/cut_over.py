"""The cut-over: in one transaction balances come over, and the old tables are closed."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.errors import AdoptionError
from pgcredits.adopt.move import history, mirroring
from pgcredits.adopt.plan.amounts import require_whole
from pgcredits.adopt.plan.fingerprints import fingerprint
from pgcredits.adopt.plan.tiers import plans_of_tiers
from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg.sql import Composable

    from pgcredits.adopt.move.progress import Run, Watcher
    from pgcredits.adopt.plan.model import Balances, Plan

Connection = psycopg.Connection[Any]
SQL = sql.SQL

USERS_BATCH = 10_000

MOST_BYTES_OF_A_NAME = 63

#: How long we wait for the tables' locks, and others behind us, before we let them pass and retry.
LOCK_TIMEOUT = "2s"
LOCK_ATTEMPTS = 60
LOCK_PAUSE_SECONDS = 0.5

_TABLE_FAMILY = read_sql(__package__, "table_family.sql")
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
        for table in conn.execute(
            _TABLE_FAMILY, {"table": expressions.quoted(part.table)}
        ).fetchall():
            name = sql.Identifier(table.schema, table.name)
            if part.close == "table":
                _refuse_all(conn, name)
            # Row triggers of a partitioned table are made on its partitions, too.
            elif part.close == "columns" and not table.is_partition:
                for bucket in part.buckets:
                    _refuse_changes(conn, name, bucket.column)
        conn.execute(
            _NOTE_CLOSED,
            {"table": part.table, "role": part.role, "read_as": fingerprint(plan, part)},
        )


def _refuse_all(conn: Connection, table: sql.Identifier) -> None:
    for trigger, what in (
        ("pgcredits_closed", "before insert or update or delete"),
        ("pgcredits_closed_truncate", "before truncate"),
    ):
        _create_trigger(conn, table, trigger, SQL(what), SQL("for each statement"))


def _refuse_changes(conn: Connection, table: sql.Identifier, column: str) -> None:
    # After triggers see the row as the table's own before triggers have left it.
    is_news = SQL("for each row when (coalesce(new.{0}, 0) <> 0)").format(sql.Identifier(column))
    is_change = SQL("for each row when (old.{0} is distinct from new.{0})").format(
        sql.Identifier(column)
    )
    _create_trigger(conn, table, f"pgcredits_insert_{column}", SQL("after insert"), is_news)
    _create_trigger(conn, table, f"pgcredits_update_{column}", SQL("after update"), is_change)


def _create_trigger(
    conn: Connection, table: sql.Identifier, trigger: str, what: Composable, when: Composable
) -> None:
    if len(trigger.encode()) > MOST_BYTES_OF_A_NAME:
        trigger = trigger[:20] + hashlib.sha256(trigger.encode()).hexdigest()[:32]
    parts = {"table": table, "trigger": sql.Identifier(trigger), "what": what, "when": when}
    conn.execute(
        SQL(
            "create or replace trigger {trigger} {what} on {table} {when}"
            " execute function credits_internal.refuse_legacy_write()"
        ).format(**parts)
    )
    # An enable always trigger also fires in sessions with session_replication_role = replica.
    conn.execute(SQL("alter table {table} enable always trigger {trigger}").format(**parts))
