"""run_maintenance: every task, in the order in which one needs what another left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from promises.generation_sweeps import map_by_hand
from support.api import call, new_user, refused, rows
from support.attempts import break_refunds, callback, fail, generation, mend_refunds, start
from support.books import NOON, balance, grant
from support.clock import advance, set_clock
from support.races import Session

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

#: Their proof takes several calls.
ROWS = 4_000

TASKS = [
    "check_ledger",
    "apply_waiting_callbacks",
    "sweep_stuck_generations",
    "retry_failed_refunds",
    "apply_allowances",
    "expire_user_credits",
    "purge_history",
    "check_alerts",
]


def _run(conn: psycopg.Connection[Any]) -> list[tuple[str, int]]:
    return [(row.task, row.affected) for row in rows(conn, "run_maintenance")]


def test_without_work_every_task_runs_and_does_nothing(conn: psycopg.Connection[Any]) -> None:
    assert _run(conn) == [(task, 0) for task in TASKS]


def test_everything_that_is_due_is_done(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    stuck = start(conn, p_timeout=timedelta(minutes=1))
    owed = start(conn)
    break_refunds(conn)
    fail(conn, owed)
    mend_refunds(conn)
    poor = new_user()
    grant(conn, poor, 5, p_expires_at=NOON + timedelta(minutes=1))
    planned = new_user()
    call(conn, "set_user_plan", planned, "free")
    advance(conn, timedelta(minutes=1))

    assert dict(_run(conn)) == {
        "apply_waiting_callbacks": 0,
        "sweep_stuck_generations": 1,
        "retry_failed_refunds": 1,
        "expire_user_credits": 1,
        "apply_allowances": 1,
        "check_ledger": 0,
        "purge_history": 0,
        "check_alerts": 0,
    }
    assert generation(conn, stuck).status == "timed_out"
    assert generation(conn, owed).refund_owed_since is None


def test_what_waits_is_applied_before_its_deadline_counts(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    attempt = start(conn, p_timeout=timedelta(minutes=1))
    # As an adoption attaches a task, which applies nothing.
    callback(conn, "task", "200")
    map_by_hand(conn, attempt, "task")
    advance(conn, timedelta(minutes=1))

    assert dict(_run(conn))["sweep_stuck_generations"] == 0
    assert generation(conn, attempt).status == "succeeded"


def test_what_is_under_review_is_never_settled(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn)
    break_refunds(conn)
    fail(conn, attempt)
    mend_refunds(conn)
    conn.execute("update credits.generations set owed_review = true")

    _run(conn)

    assert generation(conn, attempt).refund_owed_since is not None


def test_the_alerts_judge_what_the_others_left(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    start(conn, p_timeout=timedelta(minutes=1))
    advance(conn, timedelta(minutes=1))
    call(conn, "check_alerts")

    done = dict(_run(conn))

    assert (done["sweep_stuck_generations"], done["check_alerts"]) == (1, 1)
    assert conn.execute("select type, resolved_by from credits.system_alerts").fetchall() == [
        ("generation_stuck", "pgcredits")
    ]


def test_a_user_whose_ledger_takes_too_long_to_check_keeps_nothing_else_from_being_done(
    conn: psycopg.Connection[Any],
) -> None:
    poor, huge = new_user(), new_user()
    grant(conn, poor, 5, p_source="promo", p_expires_at=NOON + timedelta(minutes=1))
    grant(conn, huge, ROWS)
    conn.execute(
        "select count(*) from generate_series(1, %s) as i"
        " cross join lateral credits.deduct_user_credits("
        "%s, 1, p_metadata => jsonb_build_object('i', i))",
        (ROWS, huge),
    )
    set_clock(conn, NOON)
    stuck = start(conn, p_timeout=timedelta(minutes=1))
    advance(conn, timedelta(minutes=1))
    call(conn, "raise_alert", "maintenance_failed", "gone by then", p_dedup_key="another")
    advance(conn, timedelta(hours=1))
    conn.execute("set statement_timeout = '3s'")

    done = dict(_run(conn))

    assert (done["sweep_stuck_generations"], done["expire_user_credits"]) == (1, 1)
    assert done["check_alerts"] >= 1
    assert generation(conn, stuck).status == "timed_out"
    assert balance(conn, poor) == 0


def test_no_user_is_locked_while_the_ledger_is_checked(
    conn: psycopg.Connection[Any], database: Database
) -> None:
    set_clock(conn, NOON)
    stuck = start(conn, p_timeout=timedelta(minutes=1))
    advance(conn, timedelta(minutes=1))
    rows(conn, "check_ledger")

    with Session(database) as holder, Session(database) as maintenance:
        # The check waits for nobody but whoever keeps all others out of its notes.
        holder.run("begin")
        holder.run("lock table credits.ledger_checks in exclusive mode")
        maintenance.start("select * from credits.run_maintenance()")
        assert maintenance.is_blocked(by=holder)
        conn.execute("set lock_timeout = '5s'")
        grant(conn, stuck.user, 5)
        holder.run("rollback")
        maintenance.result()

    assert balance(conn, stuck.user) == 105


def test_a_check_that_lasts_until_the_timeout_keeps_nothing_else_from_being_done(
    conn: psycopg.Connection[Any], database: Database
) -> None:
    set_clock(conn, NOON)
    stuck = start(conn, p_timeout=timedelta(minutes=1))
    advance(conn, timedelta(minutes=1))

    with Session(database) as holder:
        holder.run("begin")
        holder.run("lock table credits.ledger_checks in exclusive mode")
        conn.execute("set statement_timeout = '300ms'")
        done = dict(_run(conn))
        holder.run("rollback")

    assert done["sweep_stuck_generations"] == 1
    assert "check_ledger" not in done
    assert generation(conn, stuck).status == "timed_out"
    failed = conn.execute(
        "select a.dedup_key from credits.system_alerts as a where a.type = 'maintenance_failed'"
    ).fetchall()
    assert [row.dedup_key for row in failed] == ["check_ledger"]


def test_whoever_cancels_it_by_hand_gets_the_error(database: Database) -> None:
    with Session(database) as holder, Session(database) as maintenance:
        holder.run("begin")
        holder.run("lock table credits.ledger_checks in exclusive mode")
        maintenance.start("select * from credits.run_maintenance()")
        assert maintenance.is_blocked(by=holder)
        maintenance.conn.cancel()
        with refused("57014"):
            maintenance.result()
