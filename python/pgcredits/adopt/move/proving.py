"""Totals before and after, side by side: nothing was lost on the way, and nothing was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from pgcredits.adopt.plan.model import Plan

SQL = sql.SQL

_TOTALS = read_sql(__package__, "totals.sql")
_CHANGED = read_template(__package__, "changed_balances.sql")
_UNOWNED = read_template(__package__, "unowned_credits.sql")
_UNGRANTED = read_template(__package__, "ungranted_balances.sql")
_ROWS = read_template(__package__, "history_rows.sql")
_TASKS = read_template(__package__, "generations_of_tasks.sql")
MOST_DIFFERENCES = 100


@dataclass(frozen=True)
class Difference:
    """Something that did not come over as it was."""

    what: str
    user_id: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Proof:
    """Totals of the older system and of the ledger.

    Attributes:
        users: Who had something, or owed something.
        found: What all old balances came to.
        forgiven: What those below 0 came to: found + forgiven came over, less what had expired.
        expired: What had expired there.
        unowned: Beside that, what rows held that name nobody: it stays behind.
        granted: What came over.
        in_ledger: The same by the ledger.
        rows: Of history and tasks, by table: there, and here.
        differences: What does not agree: the first of them.
    """

    users: int
    found: int
    forgiven: int
    expired: int
    unowned: int
    granted: int
    in_ledger: int
    rows: dict[str, tuple[int, int]]
    differences: tuple[Difference, ...]


def prove(conn: psycopg.Connection[Any], plan: Plan) -> Proof:
    """Compare the older system with what came over."""
    (totals,) = conn.execute(_TOTALS).fetchall()
    most = sql.Literal(MOST_DIFFERENCES)
    differences = [
        Difference(f"granted for {row.bucket}", str(row.user_id), row.before, row.after)
        for row in conn.execute(_UNGRANTED.format(most=most))
    ]
    unowned = 0
    for part in plan.balances:
        (left,) = conn.execute(_UNOWNED.format(balances=queries.balances(plan, part))).fetchall()
        unowned += left.credits
        if part.close == "nothing":
            continue
        query = _CHANGED.format(
            balances=queries.balances(plan, part), name=sql.Literal(part.table), most=most
        )
        differences += [
            Difference(f"{part.table}.{row.bucket}", str(row.user_id), row.before, row.after)
            for row in conn.execute(query)
        ]
    counted: dict[str, tuple[int, int]] = {}
    for history in plan.history:
        (found,) = conn.execute(
            _ROWS.format(table=expressions.table(history.table), name=sql.Literal(history.table))
        ).fetchall()
        counted[history.table] = (found.before, found.after)
        if history.close == "table" and found.before != found.after:
            differences.append(
                Difference(f"rows of {history.table}", "", found.before, found.after)
            )
    for tasks in plan.tasks:
        (found,) = conn.execute(_TASKS.format(tasks=queries.tasks_of_table(plan, tasks))).fetchall()
        counted[tasks.table] = (found.before, found.after)
        if tasks.close == "table" and found.before > found.after:
            differences.append(Difference(f"tasks of {tasks.table}", "", found.before, found.after))
    if totals.found + totals.forgiven - totals.expired != totals.in_ledger:
        differences.append(
            Difference(
                "all balances",
                "",
                totals.found + totals.forgiven - totals.expired,
                totals.in_ledger,
            )
        )
    return Proof(
        users=totals.users,
        found=totals.found,
        forgiven=totals.forgiven,
        expired=totals.expired,
        unowned=unowned,
        granted=totals.granted,
        in_ledger=totals.in_ledger,
        rows=counted,
        differences=tuple(differences[:MOST_DIFFERENCES]),
    )
