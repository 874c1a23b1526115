"""Move an older system over: history, then the cut-over, then tasks, then the proof.

Everything can be stopped and run again: what was copied stays, and is not copied twice. Nobody's
credits move before the cut-over, which is one transaction.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg import sql

from pgcredits.adopt.errors import AdoptionError
from pgcredits.adopt.plan.fitting import fingerprint, require_fit, require_tasks, require_whole
from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import Balances, History, Plan

Connection = psycopg.Connection[Any]
SQL = sql.SQL

HISTORY_BATCH = 20_000
USERS_BATCH = 10_000
TASKS_BATCH = 2_000

MOST_BYTES_OF_A_NAME = 63

#: Nobody waits behind us for longer than this; then we let everybody pass, and try again.
LOCK_TIMEOUT = "2s"
LOCK_ATTEMPTS = 60
LOCK_PAUSE_SECONDS = 0.5

_STATE = read_sql(__package__, "imported_table.sql")
_BEGIN = read_sql(__package__, "begin_history.sql")
_FORGET = read_sql(__package__, "forget_history.sql")
_FORGOTTEN = read_template(__package__, "forget_gone_history.sql")
_HISTORY_ROW = """
row(
    coalesce(h.user_id, '00000000-0000-0000-0000-000000000000'), {table}, h.source_id,
    h.occurred_at, null, null, h.credits, h.cost_usd, h.kind, h.reference, h.original
)::credits.imported_history
"""
_COPY = read_template(__package__, "copy_history.sql")
_CATCH_UP = read_template(__package__, "catch_up_history.sql")
_COPIED = read_sql(__package__, "note_copied.sql")
_CAUGHT_UP = read_sql(__package__, "note_caught_up.sql")
_HORIZON = "select pg_snapshot_xmin(pg_current_snapshot())::text as horizon"

_FAMILY = read_sql(__package__, "table_family.sql")
_OLD_BALANCES = read_template(__package__, "old_balances.sql")
_IMPORT_BALANCES = read_template(__package__, "import_balances.sql")
_IMPORT_TIERS = read_template(__package__, "import_plans.sql")
_CLOSED = read_sql(__package__, "note_closed.sql")
_OLD_TASKS = read_template(__package__, "old_tasks.sql")
_IMPORT_TASKS = read_sql(__package__, "import_tasks.sql")


_TASKS_COPIED = read_sql(__package__, "note_tasks_copied.sql")


class Watcher(Protocol):
    """Who is told how far it is."""

    def scene(self, title: str, steps: int | None = None) -> None:
        """Something begins that takes so many steps."""

    def reach(self, steps: int) -> None:
        """So many of them are done."""


@dataclass
class Run:
    """What a run did.

    Attributes:
        history_rows: Copied, by this run.
        balances: Brought over at the cut-over; 0 where that was done before.
        tasks: Made generations, by this run.
        locked_seconds: For how long the old tables could not be written; None = they were closed
            before.
    """

    history_rows: int = 0
    balances: int = 0
    tasks: int = 0
    locked_seconds: float | None = None


def run(conn: Connection, plan: Plan, watcher: Watcher) -> Run:
    """Move it over, or go on where an earlier run was stopped.

    Args:
        conn: Of an owner of the old tables and of pgcredits' schemas, in autocommit.
        plan: How to read them.
        watcher: Is told how far it is.

    Raises:
        PlanError: The plan does not fit the database.
        AdoptionError: Something is in the way.
    """
    conn.execute("set time zone 'UTC'")
    conn.execute("set jit = off")
    conn.execute("set statement_timeout = 0")
    # Rows that a policy hides would be lost: an error instead.
    conn.execute("set row_security = off")
    require_fit(conn, plan)
    is_cut_over = _is_cut_over(conn, plan)
    if not is_cut_over:
        require_whole(conn, plan)
    done = Run()
    for part in plan.history:
        done.history_rows += _copy(conn, plan, part, watcher)
    if not is_cut_over:
        if plan.tasks:
            watcher.scene("looking at tasks")
            require_tasks(conn, plan)
        _cut_over(conn, plan, watcher, done)
    for part in plan.history:
        if part.close == "table":
            _forget_what_is_gone(conn, plan, part)
    if plan.tasks:
        done.tasks = _import_tasks(conn, plan, watcher)
    return done


# --- history --------------------------------------------------------------------------------------


def _copy(conn: Connection, plan: Plan, part: History, watcher: Watcher) -> int:
    """All rows of a table, a batch at a time; those that changed meanwhile follow."""
    with conn.transaction():
        begun = conn.execute(_BEGIN, {"table": part.table, "read_as": fingerprint(plan, part)})
        if begun.rowcount:
            conn.execute(_FORGET, {"table": part.table})
    (state,) = conn.execute(_STATE, {"table": part.table, "role": part.role}).fetchall()
    total = conn.execute(
        SQL("select count(*) as rows from {}").format(expressions.table(part.table))
    ).fetchone()
    watcher.scene(f"copying {part.table}", total.rows if total else None)
    copied, read, last = 0, 0, state.copied_to
    while state.copied_at is None:
        with conn.transaction():
            batch = _copy_batch(conn, plan, part, last)
            is_all = batch.rows < HISTORY_BATCH
            conn.execute(
                _COPIED,
                {
                    "rows": batch.imported or 0,
                    "last": batch.last,
                    "is_all": is_all,
                    "table": part.table,
                },
            )
        copied += batch.imported or 0
        last = batch.last
        read += batch.rows
        watcher.reach(read)
        if is_all:
            break
    return copied + _catch_up(conn, plan, part)


def _copy_batch(conn: Connection, plan: Plan, part: History, last: str | None) -> Any:
    rest: Composable = SQL("")
    if last is not None:
        rest = SQL("where h.source_key > {}").format(sql.Literal(last))
    query = _COPY.format(
        history=queries.history(plan, part),
        rest=rest,
        limit=sql.Literal(HISTORY_BATCH),
        row=_history_row(part),
    )
    return conn.execute(query).fetchone()


def _catch_up(conn: Connection, plan: Plan, part: History) -> int:
    """What was written since the copy began, or since it was last caught up."""
    with conn.transaction():
        (state,) = conn.execute(_STATE, {"table": part.table, "role": part.role}).fetchall()
        # Before what it is for: whatever commits in between is read twice, and not never.
        (horizon,) = conn.execute(_HORIZON).fetchall()
        query = _CATCH_UP.format(
            history=queries.history(plan, part),
            limit=sql.Literal(HISTORY_BATCH),
            row=_history_row(part),
            since=sql.Literal(str(state.changes_from)),
        )
        found = conn.execute(query).fetchall()
        imported = sum(row.imported for row in found)
        conn.execute(
            _CAUGHT_UP,
            {"rows": imported, "horizon": horizon.horizon, "table": part.table},
        )
    return int(imported)


def _forget_what_is_gone(conn: Connection, plan: Plan, part: History) -> None:
    conn.execute(
        _FORGOTTEN.format(name=sql.Literal(part.table), history=queries.history(plan, part))
    )


def _history_row(part: History) -> Composable:
    return SQL(_HISTORY_ROW).format(table=sql.Literal(part.table))


# --- the cut-over ---------------------------------------------------------------------------------


def _is_cut_over(conn: Connection, plan: Plan) -> bool:
    return all(
        any(row.closed_at for row in conn.execute(_STATE, {"table": part.table, "role": part.role}))
        for part in plan.parts
    )


def _cut_over(conn: Connection, plan: Plan, watcher: Watcher, done: Run) -> None:
    watcher.scene("cutting over")
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            with conn.transaction():
                began = _lock(conn, plan)
                # Once more: it may have changed since.
                require_whole(conn, plan)
                for history in plan.history:
                    done.history_rows += _catch_up(conn, plan, history)
                done.balances = sum(_import_balances(conn, plan, part) for part in plan.balances)
                for part in plan.balances:
                    _import_tiers(conn, plan, part)
                _close(conn, plan)
            done.locked_seconds = time.monotonic() - began
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.DeadlockDetected,
            # Somebody was given credits here meanwhile.
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
    """Keep everybody from writing there; reading goes on."""
    conn.execute(SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
    closed = plan.closed_tables()
    began = time.monotonic()
    if closed:
        conn.execute(
            SQL("lock table {} in share row exclusive mode").format(
                SQL(", ").join(expressions.table(name) for name in closed)
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
    # A key of its own for each, where there is more than one on a row.
    buckets = [bucket for one in plan.balances if one.table == part.table for bucket in one.buckets]
    suffix = SQL("(':' || b.bucket)" if len(buckets) > 1 else "''")
    (found,) = conn.execute(_IMPORT_BALANCES.format(suffix=suffix)).fetchall()
    conn.execute("drop table old_balances")
    return int(found.imported)


def _import_tiers(conn: Connection, plan: Plan, part: Balances) -> None:
    if not part.tiers:
        return
    conn.execute(
        _IMPORT_TIERS.format(
            user_id=expressions.user_id(plan, part.user),
            tier=expressions.column(part.tier),
            table=expressions.table(part.table),
            user=expressions.column(part.user),
            words=sql.Literal(list(part.tiers)),
            plans=sql.Literal(list(part.tiers.values())),
            next_reset=queries.next_reset(part),
        )
    )


def _close(conn: Connection, plan: Plan) -> None:
    """From here on, what is still written there is refused."""
    for part in plan.parts:
        for table in conn.execute(_FAMILY, {"table": expressions.quoted(part.table)}).fetchall():
            name = sql.Identifier(table.schema, table.name)
            if part.close == "table":
                _refuse_all(conn, name)
            # A partitioned table hands such triggers down.
            elif part.close == "columns" and not table.is_partition:
                for bucket in part.buckets:
                    _refuse_changes(conn, name, bucket.column)
        conn.execute(
            _CLOSED,
            {"table": part.table, "role": part.role, "read_as": fingerprint(plan, part)},
        )


def _refuse_all(conn: Connection, table: sql.Identifier) -> None:
    for trigger, what in (
        ("pgcredits_closed", "before insert or update or delete"),
        ("pgcredits_closed_truncate", "before truncate"),
    ):
        _create_trigger(conn, table, trigger, SQL(what), SQL("for each statement"))


def _refuse_changes(conn: Connection, table: sql.Identifier, column: str) -> None:
    # After the table's own triggers: what they made of it counts.
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
    # Also in a session that plays replica (session_replication_role).
    conn.execute(SQL("alter table {table} enable always trigger {trigger}").format(**parts))


# --- tasks ----------------------------------------------------------------------------------------


def _import_tasks(conn: Connection, plan: Plan, watcher: Watcher) -> int:
    """All that are not generations yet: those in flight first, then what is owed."""
    watcher.scene("reading tasks and refunds")
    conn.execute("drop table if exists pg_temp.old_tasks")
    conn.execute(_OLD_TASKS.format(tasks=queries.tasks(plan)))
    conn.execute("create unique index on old_tasks (n)")
    conn.execute("analyze old_tasks")
    (total,) = conn.execute("select count(*) as tasks from old_tasks").fetchall()
    watcher.scene("making generations of tasks", total.tasks)
    imported = 0
    for first in range(0, total.tasks, TASKS_BATCH):
        (made,) = conn.execute(_IMPORT_TASKS, {"from": first, "to": first + TASKS_BATCH}).fetchall()
        imported += made.imported
        watcher.reach(min(first + TASKS_BATCH, total.tasks))
    conn.execute("drop table old_tasks")
    conn.execute(_TASKS_COPIED, {"tables": [part.table for part in plan.tasks]})
    return imported
