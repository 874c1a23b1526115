"""Totals before and after, side by side: nothing was lost on the way, and nothing was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.source import queries

if TYPE_CHECKING:
    from pgcredits.adopt.plan.model import Plan

SQL = sql.SQL

_TOTALS = """
select
    count(distinct b.user_id) as users,
    coalesce(sum(b.found), 0)::bigint as found,
    coalesce(-sum(b.found) filter (where b.found < 0), 0)::bigint as forgiven,
    coalesce(sum(b.found) filter (where b.found > 0 and b.granted = 0), 0)::bigint as expired,
    coalesce(sum(b.granted), 0)::bigint as granted,
    coalesce(sum(t.credits), 0)::bigint as in_ledger
from credits.imported_balances as b
left join credits.credit_transactions as t
    on
        b.user_id = t.user_id
        and b.transaction_id = t.transaction_id
        and t.source = 'import'
"""
#: What came over, against the old rows where nobody can have changed them since.
_CHANGED = """
select
    b.user_id,
    b.bucket,
    b.found::bigint as before,
    i.found as after
from ({balances}) as b
left join credits.imported_balances as i
    on
        i.user_id = b.user_id
        and i.source_table = {table}
        and i.source_id = b.source_id
        and i.bucket = b.bucket
where
    b.user_id is not null
    and b.found is distinct from i.found
order by b.user_id, b.bucket
limit {most}
"""
_UNOWNED = """
select coalesce(trunc(sum(b.found)), 0)::bigint as credits
from ({balances}) as b
where b.user_id is null
"""
_UNGRANTED = """
select
    b.user_id,
    b.bucket,
    b.granted as before,
    t.credits as after
from credits.imported_balances as b
left join credits.credit_transactions as t
    on
        b.user_id = t.user_id
        and b.transaction_id = t.transaction_id
        and b.idempotency_key = t.idempotency_key
where
    b.granted > 0
    and t.credits is distinct from b.granted
order by b.user_id, b.bucket
limit {most}
"""
_ROWS = """
select
    (select count(*) from {table}) as before,
    (select count(*) from credits.imported_history as h where h.source_table = {name}) as after
"""
_TASKS = """
select
    count(*) as before,
    count(g.user_id) as after
from ({tasks}) as t
left join credits.generations as g
    on
        t.user_id = g.user_id
        and t.generation_id = g.generation_id
"""
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
        for row in conn.execute(SQL(_UNGRANTED).format(most=most))
    ]
    unowned = 0
    for part in plan.balances:
        (left,) = conn.execute(
            SQL(_UNOWNED).format(balances=queries.balances(plan, part))
        ).fetchall()
        unowned += left.credits
        if part.close == "nothing":
            continue
        query = SQL(_CHANGED).format(
            balances=queries.balances(plan, part), table=sql.Literal(part.table), most=most
        )
        differences += [
            Difference(f"{part.table}.{row.bucket}", str(row.user_id), row.before, row.after)
            for row in conn.execute(query)
        ]
    counted: dict[str, tuple[int, int]] = {}
    for history in plan.history:
        (found,) = conn.execute(
            SQL(_ROWS).format(table=queries.table(history.table), name=sql.Literal(history.table))
        ).fetchall()
        counted[history.table] = (found.before, found.after)
        if history.close == "table" and found.before != found.after:
            differences.append(
                Difference(f"rows of {history.table}", "", found.before, found.after)
            )
    for tasks in plan.tasks:
        (found,) = conn.execute(SQL(_TASKS).format(tasks=queries.task_rows(plan, tasks))).fetchall()
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
