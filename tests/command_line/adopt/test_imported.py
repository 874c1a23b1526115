"""What was brought over behaves as what was made here: every function and view takes it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from command_line.adopt.test_run import planned
from pgcredits.adopt.move.running import run

if TYPE_CHECKING:
    from command_line.adopt.systems import Nobody

Conn = psycopg.Connection[Any]


@pytest.fixture
def moved(conn: Conn, nobody: Nobody) -> Conn:
    run(conn, planned(conn, "photo_platform", dirty=True), nobody)
    return conn


def generations(conn: Conn) -> list[Any]:
    return conn.execute("select * from credits.generations order by 1, 2").fetchall()


def balances(conn: Conn) -> list[Any]:
    return conn.execute("select user_id, balance from credits.user_credits order by 1").fetchall()


def test_every_view_shows_it(moved: Conn) -> None:
    views = moved.execute(
        "select format('%I.%I', schemaname, viewname) as name from pg_views"
        " where schemaname like 'credits%'"
    ).fetchall()
    assert len(views) > 20

    for view in views:
        moved.execute(f"select * from {view.name}".encode()).fetchall()
    (stats,) = moved.execute("select * from credits.dashboard_stats()").fetchall()
    (facts,) = moved.execute(
        "select count(*) as n from credits_monitoring.generation_facts"
    ).fetchall()

    assert stats
    assert facts.n == len(generations(moved))


def test_each_can_be_explained(moved: Conn) -> None:
    found = generations(moved)
    assert {one.charge_transaction_id is None for one in found} == {True, False}

    for one in found:
        name = [one.user_id, one.generation_id]
        (row,) = moved.execute("select credits.explain_charge(%s, %s) as told", name).fetchall()
        (now,) = moved.execute("select * from credits.get_generation(%s, %s)", name).fetchall()

        assert row.told["price"]["credits_charged"] == one.credits_charged
        assert (row.told["charge"]["transaction_id"] is None) == (one.credits_charged == 0)
        assert now.status == one.status


@pytest.mark.parametrize(
    "call", ["complete_generation", "fail_generation", "cancel_generation", "attach_provider_task"]
)
def test_what_had_been_settled_there_stays_so_whatever_is_reported_again(
    moved: Conn, call: str
) -> None:
    before = balances(moved)
    settled = [one for one in generations(moved) if one.charge_transaction_id is None]
    assert {one.status for one in settled} == {"succeeded", "failed", "cancelled"}

    for one in settled:
        arguments = [one.user_id, one.generation_id]
        if call == "attach_provider_task":
            arguments.append(one.provider_task_id)
        places = ", ".join(["%s"] * len(arguments))
        moved.execute(f"select * from credits.{call}({places})".encode(), arguments).fetchall()

    assert balances(moved) == before
    assert [one.status for one in generations(moved) if one.charge_transaction_id is None] == [
        one.status for one in settled
    ]
    assert moved.execute("select * from credits.check_ledger(10000)").fetchall() == []
    assert moved.execute("select * from credits.verify_ledger()").fetchall() == []


def test_time_passes(moved: Conn) -> None:
    """Sweeps, maintenance and the alerts' rules handle what was brought over."""
    for _ in range(2):
        done = dict(moved.execute("select * from credits.run_maintenance()").fetchall())
        assert None not in done.values()
    assert moved.execute("select * from credits.verify_ledger()").fetchall() == []
    owed = moved.execute(
        "select sum(refund_due_credits)::int as n from credits.generations where owed_review"
    ).fetchall()
    assert owed == [(52,)]


def test_a_task_whose_callback_came_before_it_was_brought_over_hears_of_it(conn: Conn) -> None:
    (user,) = conn.execute("select gen_random_uuid() as user_id").fetchall()
    conn.execute("select credits.grant_user_credits(%s, 100)", (user.user_id,))
    conn.execute("select credits.handle_provider_callback('nanobanana', 't-1', '500')")
    task = {
        "user_id": str(user.user_id),
        "source_table": "tasks",
        "source_id": "1",
        "generation_id": str(user.user_id),
        "provider": "nanobanana",
        "generation_type": "image",
        "provider_task_id": "t-1",
        "status": "processing",
        "credits_charged": 10,
        "credits_refunded": 0,
        "created_at": "2026-01-01T00:00:00Z",
    }
    copy = {**task, "source_id": "2", "generation_id": str(uuid.UUID(int=7))}

    conn.execute(
        "select credits_internal.import_tasks(array(select t from jsonb_populate_recordset("
        "null::credits_internal.imported_task, %s) as t))",
        (Jsonb([task, copy]),),
    )
    served = conn.execute("select * from credits.apply_waiting_callbacks()").fetchall()

    # Two tasks name the same one of the provider: the first keeps it.
    assert [(row.generation_id, row.credits) for row in served] == [(uuid.UUID(int=7), 10)]
    statuses = conn.execute(
        "select g.provider_task_id, g.status::text from credits.generations as g order by 1"
    ).fetchall()
    assert statuses == [("t-1", "failed"), (None, "processing")]
