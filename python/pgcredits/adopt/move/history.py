"""Copy an older system's history while it is in use; rows written meanwhile are copied later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.plan.fingerprints import fingerprint
from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from psycopg.sql import Composable

    from pgcredits.adopt.move.progress import Watcher
    from pgcredits.adopt.plan.model import History, Plan

Connection = psycopg.Connection[Any]
SQL = sql.SQL

HISTORY_BATCH = 20_000

_BEGIN_HISTORY = read_sql(__package__, "begin_history.sql")
_CATCH_UP_HISTORY = read_template(__package__, "catch_up_history.sql")
_COPY_HISTORY = read_template(__package__, "copy_history.sql")
_FORGET_HISTORY = read_sql(__package__, "forget_history.sql")
_FORGET_GONE_HISTORY = read_template(__package__, "forget_gone_history.sql")
_HORIZON = "select pg_snapshot_xmin(pg_current_snapshot())::text as horizon"
_NOTE_CAUGHT_UP = read_sql(__package__, "note_caught_up.sql")
_NOTE_COPIED = read_sql(__package__, "note_copied.sql")
_IMPORTED_TABLE = read_sql(__package__, "imported_table.sql")
#: The row that is kept of a row h of the history's query.
_ROW = SQL(
    """
    row(
        coalesce({user_id}, '00000000-0000-0000-0000-000000000000'), {table}, h.source_id,
        h.occurred_at, null, null, h.credits, h.cost_usd, h.kind, h.reference, h.original
    )::credits.imported_history
    """
)


def copy(conn: Connection, plan: Plan, part: History, watcher: Watcher) -> int:
    """Copy all rows of a table, a batch at a time; catch_up() copies those that change meanwhile.

    Returns how many rows were copied.
    """
    with conn.transaction():
        begun = conn.execute(
            _BEGIN_HISTORY, {"table": part.table, "read_as": fingerprint(plan, part)}
        )
        if begun.rowcount:
            conn.execute(_FORGET_HISTORY, {"table": part.table})
    (state,) = conn.execute(_IMPORTED_TABLE, {"table": part.table, "role": part.role}).fetchall()
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
                _NOTE_COPIED,
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
    return copied + catch_up(conn, plan, part)


def _copy_batch(conn: Connection, plan: Plan, part: History, last: str | None) -> Any:
    rest: Composable = SQL("")
    if last is not None:
        rest = SQL("where h.source_key > {}").format(sql.Literal(last))
    query = _COPY_HISTORY.format(
        history=queries.history(plan, part),
        rest=rest,
        limit=sql.Literal(HISTORY_BATCH),
        row=_history_row(plan, part),
    )
    return conn.execute(query).fetchone()


def catch_up(conn: Connection, plan: Plan, part: History) -> int:
    """Copy the rows written since the copy began or was last caught up; returns how many."""
    with conn.transaction():
        (state,) = conn.execute(
            _IMPORTED_TABLE, {"table": part.table, "role": part.role}
        ).fetchall()
        # The horizon is read before the rows: what commits in between is copied twice, rather than
        # never.
        (horizon,) = conn.execute(_HORIZON).fetchall()
        query = _CATCH_UP_HISTORY.format(
            history=queries.history(plan, part),
            limit=sql.Literal(HISTORY_BATCH),
            row=_history_row(plan, part),
            since=sql.Literal(str(state.changes_from)),
        )
        found = conn.execute(query).fetchall()
        imported = sum(row.imported for row in found)
        conn.execute(
            _NOTE_CAUGHT_UP,
            {"rows": imported, "horizon": horizon.horizon, "table": part.table},
        )
    return int(imported)


def forget_what_is_gone(conn: Connection, plan: Plan, part: History) -> None:
    """Remove the copies of rows that are not in the old table any more."""
    conn.execute(
        _FORGET_GONE_HISTORY.format(
            name=sql.Literal(part.table),
            history=queries.history(plan, part),
            user_id=expressions.user_id(plan, SQL("o.user_id")),
        )
    )


def _history_row(plan: Plan, part: History) -> Composable:
    return _ROW.format(
        user_id=expressions.user_id(plan, SQL("h.user_id")), table=sql.Literal(part.table)
    )
