"""What an older system's rows give away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.inspect.faults import Fault, Severity
from pgcredits.adopt.source import queries, vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.plan.model import Balances, History, Plan
    from pgcredits.adopt.source.catalog import Catalog

Connection = psycopg.Connection[Any]
SQL = sql.SQL

_BALANCES = """
select
    count(*) filter (where b.found < 0) as negatives,
    coalesce(-sum(b.found) filter (where b.found < 0), 0)::bigint as below,
    count(*) filter (where b.user_id is null) as orphans,
    coalesce(sum(b.found) filter (where b.user_id is null), 0)::bigint as orphaned,
    count(*) filter (where b.expires_at <= now() and b.found > 0) as expired,
    coalesce(sum(b.found) filter (where b.expires_at <= now() and b.found > 0), 0)::bigint
        as expired_credits
from ({balances}) as b
"""
_OVERDUE = """
select
    count(*) as overdue,
    coalesce(sum({held}), 0)::bigint as credits
from {table} as t
where
    {reset} < now() - interval '1 month'
    and {held} > 0
"""
_MISMATCHES = """
with moved as ({moved}),
held as (
    select
        b.user_id,
        sum(b.found) as credits
    from ({balances}) as b
    where b.user_id is not null
    group by b.user_id
),
compared as (
    select
        coalesce(h.credits, 0) as held,
        coalesce(m.credits, '{{0}}') as moved
    from moved as m
    full join held as h on m.user_id = h.user_id
)

select
    count(*) as users,
    coalesce(
        sum((select min(abs(c.held - coalesce(m.credits, 0))) from unnest(c.moved) as m (credits))),
        0
    )::bigint as credits
from compared as c
where (c.held = any(c.moved)) is not true
"""
#: The balance that the last row shows; any of them, where nothing says which was the last.
_LAST = """
select
    h.user_id,
    array_agg(h.balance_after * {per_unit}) as credits
from (
    select
        h.*,
        rank() over (partition by h.user_id order by {order} desc) as place
    from ({history}) as h
    where h.user_id is not null
) as h
where h.place = 1
group by h.user_id
"""
#: What all rows together come to.
_SUM = """
select
    h.user_id,
    array[sum(h.credits)] as credits
from ({history}) as h
where h.user_id is not null
group by h.user_id
"""
#: Each step begins where another ended, but the first: in whatever order they are.
_STEPS = """
select coalesce(sum(u.begun - 1), 0)::bigint as rows
from (
    select sum(b.begun) as begun
    from (
        select
            s.user_id,
            greatest(0, -sum(s.ended)) as begun
        from ({history}) as h
        cross join lateral (
            values
            (h.user_id, h.balance_after, 1),
            (h.user_id, h.balance_after - h.amount, -1)
        ) as s (user_id, balance, ended)
        group by s.user_id, s.balance
    ) as b
    group by b.user_id
    having sum(b.begun) > 1
) as u
"""
_SIGNS = """
select
    h.kind,
    count(*) as rows,
    count(*) filter (where h.amount < 0) as negative,
    count(*) filter (where h.amount > 0) as positive,
    coalesce(sum(abs(h.amount)) filter (where h.amount < 0), 0)::bigint as below
from ({history}) as h
group by h.kind
"""
_UNNAMED = """
select
    count(*) as rows,
    coalesce(sum(abs(h.amount)), 0)::bigint as credits
from ({history}) as h
where
    h.kind = 'refund'
    and nullif(btrim(h.reference), '') is null
"""
_PAID_TWICE = """
select
    count(*) as rows,
    coalesce(sum(p.credits), 0)::bigint as credits
from (
    select sum(abs(h.amount)) - max(abs(h.amount)) as credits
    from ({history}) as h
    where
        h.kind = 'grant'
        and nullif(btrim(h.reference), '') is not null
    group by h.user_id, h.reference
    having count(*) > 1
) as p
"""
#: Where no table of tasks says it better.
_REFUNDED_TWICE = """
select
    count(*) as rows,
    coalesce(sum(r.refunded - greatest(r.charged, r.largest)), 0)::bigint as credits
from (
    select
        sum(abs(h.amount)) filter (where h.kind = 'refund') as refunded,
        coalesce(sum(abs(h.amount)) filter (where h.kind = 'charge'), 0) as charged,
        max(abs(h.amount)) filter (where h.kind = 'refund') as largest,
        count(*) filter (where h.kind = 'refund') as refunds
    from ({history}) as h
    where nullif(btrim(h.reference), '') is not null
    group by h.user_id, h.reference
) as r
where
    r.refunds > 1
    and r.refunded > r.charged
"""
_TASKS = """
select
    count(*) filter (where t.is_owed) as owed,
    coalesce(sum(t.credits_charged - t.credits_refunded) filter (where t.is_owed), 0)::bigint
        as owed_credits,
    count(distinct t.user_id) filter (where t.is_owed) as owed_users,
    count(*) filter (where t.is_owed and t.credits_refunded > 0) as partly,
    coalesce(
        sum(t.credits_charged - t.credits_refunded)
        filter (where t.is_owed and t.credits_refunded > 0), 0
    )::bigint as partly_credits,
    count(*) filter (where t.credits_refunded > t.credits_charged or t.refunds > 1) as twice,
    coalesce(
        sum(t.credits_refunded - t.credits_charged)
        filter (where t.credits_refunded > t.credits_charged), 0
    )::bigint as twice_credits,
    count(*) filter (where t.status = 'succeeded' and t.credits_refunded > 0) as delivered,
    coalesce(
        sum(t.credits_refunded) filter (where t.status = 'succeeded'), 0
    )::bigint as delivered_credits,
    count(*) filter (where t.status = 'succeeded' and t.credits_charged = 0) as free,
    count(*) filter (where t.is_stuck) as stuck,
    coalesce(sum(t.credits_charged - t.credits_refunded) filter (where t.is_stuck), 0)::bigint
        as stuck_credits
from (
    select
        t.*,
        t.status in ('failed', 'timed_out') and t.credits_charged > t.credits_refunded as is_owed,
        t.status = 'timed_out' and t.status_meant in ('pending', 'processing') as is_stuck
    from ({tasks}) as t
) as t
"""
_OWED_USERS = """
select
    t.user_id,
    count(*) as tasks,
    sum(t.credits_charged)::bigint as charged,
    sum(t.credits_refunded)::bigint as refunded,
    sum(t.credits_charged - t.credits_refunded)::bigint as owed
from ({tasks}) as t
where
    t.status in ('failed', 'timed_out')
    and t.credits_charged > t.credits_refunded
group by t.user_id
order by
    owed desc,
    t.user_id
"""


def faults_in_data(conn: Connection, plan: Plan, catalog: Catalog) -> Iterator[Fault]:
    """Faults that show in the rows."""
    for balances in plan.balances:
        yield from _of_balances(conn, plan, balances)
    for history in plan.history:
        yield from _of_history(conn, plan, history, catalog)
    if plan.tasks:
        yield from _of_tasks(conn, plan)


def users_owed(conn: Connection, plan: Plan) -> list[Any]:
    """Who was charged for work that failed, and did not get all of it back; the most owed first."""
    if not plan.tasks:
        return []
    return conn.execute(SQL(_OWED_USERS).format(tasks=queries.tasks(plan))).fetchall()


def _of_balances(conn: Connection, plan: Plan, part: Balances) -> Iterator[Fault]:
    query = queries.balances(plan, part)
    (found,) = conn.execute(SQL(_BALANCES).format(balances=query)).fetchall()
    if found.negatives:
        yield Fault(
            "L1", Severity.ERROR, "negative balances", part.table,
            "more was spent than there was", found.negatives, found.below,
        )  # fmt: skip
    if found.expired:
        yield Fault(
            "L19", Severity.ERROR, "expired credits that can be spent", part.table,
            "their time has passed, and they are still there", found.expired,
            found.expired_credits,
        )  # fmt: skip
    if found.orphans:
        yield Fault(
            "-", Severity.WARNING, "balances of nobody", part.table,
            "their rows name no user: they do not come over", found.orphans, found.orphaned,
        )  # fmt: skip
    monthly = [bucket.column for bucket in part.buckets if bucket.expires == "next_reset"]
    if part.reset and monthly:
        held = SQL(" + ").join(
            SQL("greatest(0, coalesce({}, 0))").format(queries.column(name)) for name in monthly
        )
        (overdue,) = conn.execute(
            SQL(_OVERDUE).format(
                held=held, reset=queries.column(part.reset), table=queries.table(part.table)
            )
        ).fetchall()
        if overdue.overdue:
            yield Fault(
                "L19", Severity.WARNING, "monthly credits older than a month", part.table,
                f"by {part.reset} they should have been replaced", overdue.overdue,
                overdue.credits,
            )  # fmt: skip


def _of_history(conn: Connection, plan: Plan, part: History, catalog: Catalog) -> Iterator[Fault]:
    query = queries.history(plan, part)
    yield from _mismatches(conn, plan, part, catalog)
    for kind in conn.execute(SQL(_SIGNS).format(history=query)).fetchall():
        if kind.kind == "refund" and kind.negative and (kind.positive or part.sign == "stored"):
            yield Fault(
                "L6", Severity.ERROR, "refunds with the wrong sign", part.table,
                f"{kind.negative} below 0, {kind.positive} above: their sum says nothing",
                kind.negative, kind.below,
            )  # fmt: skip
        if kind.kind == "charge" and kind.negative and kind.positive:
            yield Fault(
                "L14", Severity.ERROR, "charges of either sign", part.table,
                f"{kind.negative} below 0, {kind.positive} above: some of them gave credits",
                kind.negative, kind.below,
            )  # fmt: skip
    (unnamed,) = conn.execute(SQL(_UNNAMED).format(history=query)).fetchall()
    if unnamed.rows:
        yield Fault(
            "L3", Severity.WARNING, "refunds that name nothing", part.table,
            "nobody can say what was refunded", unnamed.rows, unnamed.credits,
        )  # fmt: skip
    (twice,) = conn.execute(SQL(_PAID_TWICE).format(history=query)).fetchall()
    if twice.rows:
        yield Fault(
            "L13", Severity.ERROR, "payments that were granted twice", part.table,
            "the same user and reference more than once", twice.rows, twice.credits,
        )  # fmt: skip
    if not plan.tasks:
        (again,) = conn.execute(SQL(_REFUNDED_TWICE).format(history=query)).fetchall()
        if again.rows:
            yield Fault(
                "L3", Severity.ERROR, "refunded twice", part.table,
                "the same user and reference more than once", again.rows, again.credits,
            )  # fmt: skip


def _mismatches(conn: Connection, plan: Plan, part: History, catalog: Catalog) -> Iterator[Fault]:
    """Balances against what the history says, where it says it all."""
    held = [one for one in plan.balances if not one.summed]
    # A word that nobody knows may stand for anything.
    if len(plan.history) > 1 or not held or vocabulary.UNKNOWN in part.kinds.values():
        return
    history = queries.history(plan, part)
    if part.after:
        # Numbers are drawn in the order of the locks; now() is when a transaction began.
        key = catalog.tables_by_name[part.table].by_name[part.key]
        order = SQL("h.source_key" if key.is_number else "h.occurred_at")
        per_unit = sql.Literal(plan.credits_per_unit)
        moved = SQL(_LAST).format(per_unit=per_unit, order=order, history=history)
    elif part.sign == "stored" or "grant" in part.kinds.values():
        moved = SQL(_SUM).format(history=history)
    else:
        # A log of what was used: where credits came from is nowhere.
        return
    found = conn.execute(
        SQL(_MISMATCHES).format(
            moved=moved,
            balances=SQL(" union all ").join(queries.balances(plan, one) for one in held),
        )
    ).fetchall()[0]
    if found.users:
        yield Fault(
            "L1", Severity.ERROR, "balances that do not match the history", held[0].table,
            f"against {part.table}", found.users, found.credits,
        )  # fmt: skip
    if part.after:
        (steps,) = conn.execute(SQL(_STEPS).format(history=history)).fetchall()
        if steps.rows:
            yield Fault(
                "L1", Severity.ERROR, "steps that do not lead to the balance after", part.table,
                "two at once began from the same balance", steps.rows,
            )  # fmt: skip


def _of_tasks(conn: Connection, plan: Plan) -> Iterator[Fault]:
    (found,) = conn.execute(SQL(_TASKS).format(tasks=queries.tasks(plan))).fetchall()
    where = ", ".join(part.table for part in plan.tasks)
    if found.owed:
        yield Fault(
            "L9", Severity.ERROR, "users charged for failed work", where,
            f"{found.owed_users} users did not get it back", found.owed, found.owed_credits,
        )  # fmt: skip
    if found.partly:
        yield Fault(
            "L12", Severity.ERROR, "refunds of less than was charged", where,
            "part of the price came back", found.partly, found.partly_credits,
        )  # fmt: skip
    if found.twice:
        yield Fault(
            "L3", Severity.ERROR, "refunded twice", where,
            "more came back than was charged, or more than once", found.twice,
            found.twice_credits,
        )  # fmt: skip
    if found.delivered:
        yield Fault(
            "L18", Severity.WARNING, "refunded, and delivered", where,
            "the user has both the credits and the result", found.delivered,
            found.delivered_credits,
        )  # fmt: skip
    if found.free:
        yield Fault(
            "L10", Severity.WARNING, "delivered without a charge", where,
            "nothing was taken for it", found.free,
        )  # fmt: skip
    if found.stuck:
        yield Fault(
            "L9", Severity.ERROR, "work that never ended", where,
            f"charged, and still in flight after {plan.stuck_after_days * 24} hours", found.stuck,
            found.stuck_credits,
        )  # fmt: skip
