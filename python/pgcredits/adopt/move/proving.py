"""Totals before and after, side by side: no credits were lost on the way, and none were added."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
from msgspec.structs import replace
from psycopg import sql

from pgcredits.adopt.readings.against_history import Disagreement, compare, held
from pgcredits.adopt.source import expressions, queries
from pgcredits.adopt.source.catalog import read_catalog
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.plan.model import Balances, Plan

SQL = sql.SQL

_TOTALS = read_sql(__package__, "totals.sql")
_TOTALS_TO_COME = read_template(__package__, "totals_to_come.sql")
_BALANCES_TO_COME = SQL("select b.user_id::text, b.found, b.expires_at from ({}) as b")
_TASKS_TO_COME = read_template(__package__, "tasks_to_come.sql")
_ROWS = SQL("select count(*) as rows from {}")
_CHANGED_BALANCES = read_template(__package__, "changed_balances.sql")
_EXACT_CREDITS = read_template(__package__, "exact_credits.sql")
_UNOWNED_CREDITS = read_template(__package__, "unowned_credits.sql")
_UNGRANTED_BALANCES = read_template(__package__, "ungranted_balances.sql")
_HISTORY_ROWS = read_template(__package__, "history_rows.sql")
_GENERATIONS_OF_TASKS = read_template(__package__, "generations_of_tasks.sql")
MOST_DIFFERENCES = 100


@dataclass(frozen=True)
class Difference:
    """Something that did not come over as it was.

    Attributes:
        what: Which of it.
        user_id: Whose, by the id that the older system has; empty = all users'.
        before: How much there was.
        after: How much there is.
    """

    what: str
    user_id: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Proof:
    """Totals of the older system and of the ledger.

    Attributes:
        users: How many users had an old balance other than 0.
        found: The sum of all old balances.
        forgiven: The debts of balances below 0. What came over is found + forgiven - expired.
        expired: Credits that had expired in the older system.
        unowned: Credits on rows that name no user. They stay behind, and are not in found.
        dead: Credits on rows that the plan calls dead. They stay behind, too.
        granted: Credits that came over.
        in_ledger: The same, summed from the ledger.
        rows: Rows of history and tasks by table, in the older system and in pgcredits.
        differences: The first totals that do not agree.
        rounded: By how much the old balances were rounded.
        by_history: The sum of all balances by the old history; None = it does not say.
        unexplained: Credits by which users differ from it, all differences together.
        disagreeing: Users who differ most from it.
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
    rounded: Decimal = Decimal(0)
    by_history: Decimal | None = None
    unexplained: Decimal = Decimal(0)
    disagreeing: tuple[Disagreement, ...] = ()
    dead: int = 0


@dataclass(frozen=True)
class Rehearsal:
    """What a run would do; nothing was changed.

    Attributes:
        proof: What would come over, as after a run.
        is_done: Whether an earlier run has moved it over; the proof is of what is there, then.
        in_flight: Tasks that would go on as generations in flight.
        owed: Credits that would be owed for failed tasks.
        owed_users: To how many users.
        closed: The tables to which writes would be refused.
    """

    proof: Proof
    is_done: bool = False
    in_flight: int = 0
    owed: int = 0
    owed_users: int = 0
    closed: tuple[str, ...] = ()


def prove(conn: psycopg.Connection[Any], plan: Plan) -> Proof:
    """Compare the older system with what came over."""
    (totals,) = conn.execute(_TOTALS).fetchall()
    counted, miscounted = _counted(conn, plan)
    differences = [*_changed_balances(conn, plan), *miscounted]
    expected = totals.found + totals.forgiven - totals.expired
    if expected != totals.in_ledger:
        differences.append(Difference("all balances", "", expected, totals.in_ledger))
    return _proof(conn, plan, totals, counted, differences)


def foresee(conn: psycopg.Connection[Any], plan: Plan) -> Rehearsal:
    """What would come over if the older system were moved as it stands."""
    (totals,) = conn.execute(
        _TOTALS_TO_COME.format(
            balances=SQL(" union all ").join(
                _BALANCES_TO_COME.format(queries.balances(plan, part)) for part in plan.balances
            )
        )
    ).fetchall()
    counted: dict[str, sql.Composable] = {
        part.table: expressions.table(part.table) for part in plan.history
    }
    counted |= {
        part.table: SQL("({}) as t").format(queries.tasks_of_table(plan, part))
        for part in plan.tasks
    }
    rows: dict[str, tuple[int, int]] = {}
    for name, of in counted.items():
        (found,) = conn.execute(_ROWS.format(of)).fetchall()
        rows[name] = (found.rows, found.rows)
    in_flight, owed, owed_users = 0, 0, 0
    if plan.tasks:
        ((in_flight, owed, owed_users),) = conn.execute(
            _TASKS_TO_COME.format(tasks=queries.tasks(plan))
        ).fetchall()
    return Rehearsal(
        proof=_proof(conn, plan, totals, rows, []),
        in_flight=in_flight,
        owed=owed,
        owed_users=owed_users,
        closed=tuple(sorted({part.table for part in plan.parts if part.close != "nothing"})),
    )


def _proof(
    conn: psycopg.Connection[Any],
    plan: Plan,
    totals: Any,
    rows: dict[str, tuple[int, int]],
    differences: list[Difference],
) -> Proof:
    told = compare(conn, plan, read_catalog(conn, plan.all_schemas))
    return Proof(
        users=totals.users,
        found=totals.found,
        forgiven=totals.forgiven,
        expired=totals.expired,
        unowned=sum(_unowned(conn, plan, part) for part in plan.balances),
        granted=totals.granted,
        in_ledger=totals.in_ledger,
        rows=rows,
        differences=tuple(differences[:MOST_DIFFERENCES]),
        rounded=_rounded(conn, plan, totals.found),
        by_history=told.by_history if told else None,
        unexplained=told.credits if told else Decimal(0),
        disagreeing=told.worst if told else (),
        dead=_dead(conn, plan),
    )


def _rounded(conn: psycopg.Connection[Any], plan: Plan, found: int) -> Decimal:
    if plan.rounding == "refuse":
        return Decimal(0)
    exact = held(replace(plan, rounding="refuse"))
    (row,) = conn.execute(_EXACT_CREDITS.format(balances=exact)).fetchall()
    return Decimal(row.credits) - found


def _dead(conn: psycopg.Connection[Any], plan: Plan) -> int:
    """What there is on rows that do not count, where the plan says which these are."""
    dead = Decimal(0)
    for part in plan.balances:
        for one, factor in ((replace(part, dead=""), 1), (part, -1)) if part.dead else ():
            query = _EXACT_CREDITS.format(balances=queries.balances(plan, one))
            (row,) = conn.execute(query).fetchall()
            dead += row.credits * factor
    return int(dead)


def _changed_balances(conn: psycopg.Connection[Any], plan: Plan) -> Iterator[Difference]:
    most = sql.Literal(MOST_DIFFERENCES)
    for row in conn.execute(_UNGRANTED_BALANCES.format(most=most)):
        yield Difference(f"granted for {row.bucket}", str(row.user_id), row.before, row.after)
    for part in plan.balances:
        if part.close == "nothing":
            continue
        query = _CHANGED_BALANCES.format(
            user_id=expressions.user_id(plan, SQL("b.user_id")),
            balances=queries.balances(plan, part),
            name=sql.Literal(part.table),
            most=most,
        )
        for row in conn.execute(query):
            what = f"{part.table}.{row.bucket}"
            yield Difference(what, str(row.user_id), row.before, row.after)


def _unowned(conn: psycopg.Connection[Any], plan: Plan, part: Balances) -> int:
    (found,) = conn.execute(
        _UNOWNED_CREDITS.format(balances=queries.balances(plan, part))
    ).fetchall()
    return int(found.credits)


def _counted(
    conn: psycopg.Connection[Any], plan: Plan
) -> tuple[dict[str, tuple[int, int]], list[Difference]]:
    """How many rows of each history and tasks of each table came over; notes what differs."""
    counted: dict[str, tuple[int, int]] = {}
    differences: list[Difference] = []
    for history in plan.history:
        query = _HISTORY_ROWS.format(
            table=expressions.table(history.table), name=sql.Literal(history.table)
        )
        (found,) = conn.execute(query).fetchall()
        counted[history.table] = (found.before, found.after)
        if history.close == "table" and found.before != found.after:
            what = f"rows of {history.table}"
            differences.append(Difference(what, "", found.before, found.after))
    for tasks in plan.tasks:
        query = _GENERATIONS_OF_TASKS.format(
            user_id=expressions.user_id(plan, SQL("t.user_id")),
            tasks=queries.tasks_of_table(plan, tasks),
        )
        (found,) = conn.execute(query).fetchall()
        counted[tasks.table] = (found.before, found.after)
        if found.before > found.after:
            what = f"tasks of {tasks.table}"
            differences.append(Difference(what, "", found.before, found.after))
    return counted, differences
