"""Move an older system over: history, then the cut-over, then tasks, then the proof.

Everything can be stopped and run again: what was copied stays, and is not copied twice. Nobody's
credits move before the cut-over, which is one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgcredits.adopt.move import history
from pgcredits.adopt.move.cut_over import cut_over, is_cut_over, keep_mirroring
from pgcredits.adopt.move.open_questions import require_answers
from pgcredits.adopt.move.progress import Run
from pgcredits.adopt.move.proving import Rehearsal, foresee, prove
from pgcredits.adopt.move.tasks import import_tasks
from pgcredits.adopt.move.users import register_users
from pgcredits.adopt.plan.amounts import require_tasks, require_whole
from pgcredits.adopt.plan.fingerprints import earlier_fingerprint, fingerprint
from pgcredits.adopt.plan.fitting import require_fit
from pgcredits.adopt.plan.owners import require_ids
from pgcredits.adopt.readings.judging import require_proved
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    import psycopg

    from pgcredits.adopt.move.progress import Watcher
    from pgcredits.adopt.plan.model import Plan


_RENEW_FINGERPRINT = read_sql(__package__, "renew_fingerprint.sql")


def run(conn: psycopg.Connection[Any], plan: Plan, watcher: Watcher) -> Run:
    """Move an older system over, or go on where an earlier run was stopped.

    Args:
        conn: In autocommit, by a role that owns the old tables and pgcredits' schemas.
        plan: How to read them.
        watcher: Is told how far it is.

    Raises:
        PlanError: The plan does not fit the database, or its history contradicts it.
        AdoptionError: Something is in the way.
    """
    is_done = _is_ready(conn, plan, watcher)
    _renew_fingerprints(conn, plan)
    register_users(conn, plan, watcher)
    done = Run()
    for part in plan.history:
        done.history_rows += history.copy(conn, plan, part, watcher)
    if not is_done:
        if plan.tasks:
            watcher.scene("looking at tasks")
            require_tasks(conn, plan)
        cut_over(conn, plan, watcher, done)
        _analyze(conn, watcher)
    for part in plan.history:
        if part.close == "table":
            history.forget_what_is_gone(conn, plan, part)
    if is_done and plan.mirrored:
        keep_mirroring(conn, plan)
    if plan.tasks:
        done.tasks = import_tasks(conn, plan, watcher)
        _analyze(conn, watcher)
    # Those who signed up while the tables were copied.
    register_users(conn, plan, watcher)
    return done


def rehearse(conn: psycopg.Connection[Any], plan: Plan, watcher: Watcher) -> Rehearsal:
    """Everything that a run does before it writes, in one read-only transaction without locks.

    Where the older system has been moved over, its totals are compared.

    Raises:
        PlanError, AdoptionError: As in run().
    """
    conn.execute("begin isolation level repeatable read read only")
    try:
        if _is_ready(conn, plan, watcher):
            watcher.scene("comparing totals")
            return Rehearsal(prove(conn, plan), is_done=True)
        if plan.tasks:
            watcher.scene("looking at tasks")
            require_tasks(conn, plan)
        watcher.scene("adding up")
        return foresee(conn, plan)
    finally:
        conn.execute("rollback")


def _is_ready(conn: psycopg.Connection[Any], plan: Plan, watcher: Watcher) -> bool:
    """Refuse a plan by which nothing may move; returns whether an earlier run has cut over."""
    conn.execute("set statement_timeout = 0")
    conn.execute("set time zone 'UTC'")
    conn.execute("set jit = off")
    # Sums of all users stay in memory.
    conn.execute("set work_mem = '64MB'")
    # Rows that a policy hides would be lost: with this setting they are an error.
    conn.execute("set row_security = off")
    require_fit(conn, plan)
    require_ids(conn, plan)
    if is_cut_over(conn, plan):
        return True
    require_answers(conn, plan)
    require_whole(conn, plan)
    watcher.scene("comparing balances with their history")
    require_proved(conn, plan)
    return False


def _renew_fingerprints(conn: psycopg.Connection[Any], plan: Plan) -> None:
    for part in plan.parts:
        conn.execute(
            _RENEW_FINGERPRINT,
            {
                "table": part.table,
                "role": part.role,
                "read_as": fingerprint(plan, part),
                "earlier": earlier_fingerprint(plan, part),
            },
        )


def _analyze(conn: psycopg.Connection[Any], watcher: Watcher) -> None:
    """Let no call be planned as if the tables were still empty."""
    watcher.scene("analyzing")
    conn.execute(
        "analyze credits.user_credits, credits.credit_lots, credits.credit_transactions,"
        " credits.generations, credits.generation_events, credits.provider_tasks,"
        " credits.refund_totals, credits.imported_balances, credits.imported_history,"
        " credits.external_users"
    )
