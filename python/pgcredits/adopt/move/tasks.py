"""Make generations of an older system's tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.sql import SQL

from pgcredits.adopt.move import mirroring
from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from pgcredits.adopt.move.progress import Watcher
    from pgcredits.adopt.plan.model import Plan

Connection = psycopg.Connection[Any]

TASKS_BATCH = 2_000

_IMPORT_TASKS = read_sql(__package__, "import_tasks.sql")
_NOTE_TASKS_COPIED = read_sql(__package__, "note_tasks_copied.sql")
_OLD_TASKS = read_template(__package__, "old_tasks.sql")


def import_tasks(conn: Connection, plan: Plan, watcher: Watcher) -> int:
    """Bring over the tasks that are not generations yet; those in flight come first."""
    watcher.scene("reading tasks and refunds")
    conn.execute("drop table if exists pg_temp.old_tasks")
    conn.execute(
        _OLD_TASKS.format(
            user_id=expressions.user_id(plan, SQL("o.user_id")),
            tasks=queries.tasks(plan),
            open_tables=sql.Literal([part.table for part in plan.mirrored]),
        )
    )
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
    conn.execute(_NOTE_TASKS_COPIED, {"tables": [part.table for part in plan.tasks]})
    mirroring.read_again(conn, plan)
    return imported
