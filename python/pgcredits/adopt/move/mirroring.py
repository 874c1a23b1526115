"""Tables of tasks that stay open: what is written there becomes generations, by triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import Plan, Tasks

Connection = psycopg.Connection[Any]
SQL = sql.SQL

INSERT = "pgcredits_mirror_insert"
UPDATE = "pgcredits_mirror_update"

_ARGUMENTS_OF_TRIGGER = read_sql(__package__, "arguments_of_trigger.sql")
_MIRROR_TRIGGER = read_template(__package__, "mirror_trigger.sql")
_READ_TASKS_AGAIN = read_template(__package__, "read_tasks_again.sql")
_RESOLVE_NOT_MIRRORED = read_sql(__package__, "resolve_not_mirrored.sql")
_TABLE_FAMILY = read_sql(__package__, "table_family.sql")
_TRIGGERS_OF_FUNCTIONS = read_sql(__package__, "triggers_of_functions.sql")


def begin(conn: Connection, plan: Plan) -> None:
    """Make the triggers of all tables that stay open, as the plan reads them.

    Those that are there and say the same stay, so that an application is not kept waiting.
    """
    for part in plan.mirrored:
        arguments = (
            queries.mirrored_task(plan, part).as_string(conn), str(plan.stuck_after_days),
        )  # fmt: skip
        for table in _family(conn, part):
            # Row triggers of a partitioned table are made on its partitions, too.
            if not table.is_partition:
                name = sql.Identifier(table.schema, table.name)
                _disable(conn, part, table.oid, name)
                _mirror(conn, part, table.oid, name, arguments)


def read_again(conn: Connection, plan: Plan) -> None:
    """Tell generations what became of tasks that were written while their table was moved over.

    Tasks that a trigger could not mirror become generations, too.
    """
    for part in plan.mirrored:
        conn.execute(
            _READ_TASKS_AGAIN.format(
                tasks=queries.tasks_now(plan, part),
                user_id=expressions.user_id(plan, SQL("t.user_id")),
                stuck_after=sql.Literal(plan.stuck_after_days),
            )
        )
        for table in _family(conn, part):
            conn.execute(_RESOLVE_NOT_MIRRORED, {"schema": table.schema, "name": table.name})


def _family(conn: Connection, part: Tasks) -> list[Any]:
    return conn.execute(_TABLE_FAMILY, {"table": expressions.quoted(part.table)}).fetchall()


def _disable(conn: Connection, part: Tasks, oid: int, table: sql.Identifier) -> None:
    """Disable the table's own triggers that would fail from now on."""
    for row in conn.execute(
        _TRIGGERS_OF_FUNCTIONS, {"table": oid, "functions": list(part.replaces)}
    ).fetchall():
        conn.execute(
            SQL("alter table {} disable trigger {}").format(table, sql.Identifier(row.trigger))
        )


def _mirror(
    conn: Connection, part: Tasks, oid: int, table: sql.Identifier, arguments: tuple[str, str]
) -> None:
    said = b"".join(one.encode() + b"\0" for one in arguments)
    for trigger, event in ((INSERT, SQL("insert")), (UPDATE, SQL("update"))):
        there = conn.execute(_ARGUMENTS_OF_TRIGGER, {"table": oid, "trigger": trigger}).fetchall()
        if [bytes(row.arguments) for row in there] != [said]:
            conn.execute(
                _MIRROR_TRIGGER.format(
                    trigger=sql.Identifier(trigger),
                    event=event,
                    table=table,
                    condition=_has_changed(part) if trigger == UPDATE else SQL("true"),
                    query=sql.Literal(arguments[0]),
                    stuck_after=sql.Literal(arguments[1]),
                )
            )


def _has_changed(part: Tasks) -> Composable:
    """Whether an update changes what a generation is told."""
    told = (
        part.key, part.user, part.credits, part.status, part.provider, *part.task_ids, part.cost,
        part.error_type, part.error_message,
    )  # fmt: skip
    return SQL(" or ").join(
        SQL("old.{0}::text is distinct from new.{0}::text").format(sql.Identifier(name))
        for name in dict.fromkeys(told)
        if name
    )
