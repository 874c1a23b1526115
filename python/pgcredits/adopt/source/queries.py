"""An older system's rows in our words: queries made from the plan.

None of them needs pgcredits in the database, so that an older system can be looked at before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from pgcredits.adopt.source.vocabulary import FINISHED_STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import Balances, Bucket, History, Plan, Tasks

SQL = sql.SQL
NULL = SQL("null")

_NEXT_RESET = SQL(
    # A whole number of months after the last one; in a short month that may still be past.
    """
    (
        select min(n.at)
        from (
            values
                ({reset} + make_interval(months => m.months + 1)),
                ({reset} + make_interval(months => m.months + 2))
        ) as n (at)
        where n.at > now()
    )
    """
)
_MONTHS = SQL(
    """
    cross join lateral (
        select
            greatest(
                0, extract(year from a.age) * 12 + extract(month from a.age)
            )::integer as months
        from (select age(now(), {reset}) as age) as a
    ) as m
    """
)


def table(name: str) -> sql.Identifier:
    """The table that a plan names."""
    return sql.Identifier(*name.split(".", 1))


def quoted(name: str) -> str:
    """The same as a text that to_regclass() reads as it is meant."""
    return ".".join('"{}"'.format(part.replace('"', '""')) for part in name.split(".", 1))


def column(name: str, alias: str = "t") -> Composable:
    """A column of the plan; null where it names none."""
    return sql.Identifier(alias, name) if name else NULL


def user_id(plan: Plan, name: str) -> Composable:
    """Whose a row is, as pgcredits knows users."""
    if plan.user_ids == "uuid":
        return SQL("{}::text::uuid").format(column(name))
    return SQL("md5({}::text)::uuid").format(column(name))


def _cased(value: Composable, meanings: Mapping[str, str], otherwise: Composable) -> Composable:
    if not meanings:
        return otherwise
    whens = SQL(" ").join(
        SQL("when {} then {}").format(sql.Literal(word), sql.Literal(meaning))
        for word, meaning in meanings.items()
    )
    return SQL("case coalesce({}::text, '') {} else {} end").format(value, whens, otherwise)


def _when(*names: str) -> Composable:
    """The first of these times that there is; infinity is none."""
    known = [
        SQL("case when isfinite({0}::timestamptz) then {0}::timestamptz end").format(column(name))
        for name in names
        if name
    ]
    return SQL("coalesce({})").format(SQL(", ").join(known)) if known else SQL("null::timestamptz")


def _text(name: str) -> Composable:
    """An id or a word; null where it is blank."""
    return SQL("nullif(btrim({}::text), '')").format(column(name))


def _in_credits(plan: Plan, amount: Composable) -> Composable:
    return SQL("{}::numeric * {}").format(amount, sql.Literal(plan.credits_per_unit))


# --- balances -------------------------------------------------------------------------------------


def balances(plan: Plan, part: Balances) -> Composable:
    """What each bucket of each row holds: found may have a fraction, and be below 0."""
    if part.summed:
        return _summed(plan, part)
    reset = _reset(part)
    buckets = SQL(", ").join(_bucket(plan, bucket, reset) for bucket in part.buckets)
    return SQL(
        """
        select
            {user_id} as user_id,
            t.{key}::text as source_id,
            b.bucket,
            b.found,
            b.expires_at,
            b.priority,
            b.unit_price_usd
        from {table} as t
        {months}
        cross join lateral (
            values {buckets}
        ) as b (bucket, found, expires_at, priority, unit_price_usd)
        where b.found <> 0
        """
    ).format(
        user_id=user_id(plan, part.user),
        key=sql.Identifier(part.key),
        table=table(part.table),
        months=_MONTHS.format(reset=reset),
        buckets=buckets,
    )


def _reset(part: Balances) -> Composable:
    return SQL("coalesce({}, date_trunc('month', now()))").format(_when(part.reset))


def next_reset(part: Balances) -> Composable:
    """When the old system would have given this month's credits, or next month's."""
    reset = _reset(part)
    months = _MONTHS.format(reset=reset)
    return SQL("(select {at} from (select) as one {months})").format(
        at=_NEXT_RESET.format(reset=reset), months=months
    )


def _bucket(plan: Plan, bucket: Bucket, reset: Composable) -> Composable:
    expires: Composable
    if bucket.expires == "never":
        expires = SQL("null::timestamptz")
    elif bucket.expires == "next_reset":
        expires = _NEXT_RESET.format(reset=reset)
    else:
        expires = _when(bucket.expires)
    return SQL("({}, {}, {}, {}::integer, {}::numeric)").format(
        sql.Literal(bucket.column),
        _in_credits(plan, column(bucket.column)),
        expires,
        sql.Literal(bucket.priority),
        sql.Literal(bucket.unit_price_usd),
    )


def _summed(plan: Plan, part: Balances) -> Composable:
    (of,) = (one for one in plan.history if one.table == part.table)
    return SQL(
        """
        select
            h.user_id,
            h.user_id::text as source_id,
            'sum' as bucket,
            sum(h.credits) as found,
            null::timestamptz as expires_at,
            100 as priority,
            null::numeric as unit_price_usd
        from ({history}) as h
        group by h.user_id
        having sum(h.credits) <> 0
        """
    ).format(history=history(plan, of))


# --- history --------------------------------------------------------------------------------------


def history(plan: Plan, part: History) -> Composable:
    """What each row did to the user's credits."""
    amount: Composable = _in_credits(plan, column(part.amount))
    if part.sign == "columns":
        amount = _in_credits(
            plan,
            SQL("(coalesce({}, 0) - coalesce({}, 0))").format(
                column(part.credit), column(part.debit)
            ),
        )
    by_sign = SQL("case when {} < 0 then 'charge' else 'grant' end").format(amount)
    kind = _cased(column(part.kind), part.kinds, SQL("'other'")) if part.kind else by_sign
    moved = amount
    if part.sign == "kind":
        moved = SQL(
            "case k.kind when 'charge' then -abs({0}) when 'expiry' then -abs({0})"
            " when 'grant' then abs({0}) when 'refund' then abs({0}) end"
        ).format(amount)
    return SQL(
        """
        select
            {user_id} as user_id,
            t.{key}::text as source_id,
            t.{key} as source_key,
            {at} as occurred_at,
            {moved} as credits,
            {amount} as amount,
            {cost}::numeric as cost_usd,
            k.kind,
            {reference} as reference,
            {after}::numeric as balance_after,
            to_jsonb(t) as original,
            t.xmin as written_by
        from {table} as t
        cross join lateral (select {kind}) as k (kind)
        """
    ).format(
        user_id=user_id(plan, part.user),
        key=sql.Identifier(part.key),
        at=_when(part.at),
        moved=moved,
        amount=amount,
        cost=column(part.cost),
        reference=_text(part.reference),
        after=column(part.after),
        table=table(part.table),
        kind=kind,
    )


# --- tasks, and what of them came back ------------------------------------------------------------


def tasks(plan: Plan) -> Composable:
    """Every task, with the credits that it cost and those that came back, wherever that is noted.

    The same refund may stand on the task, in a log and in the history: each of them is summed, and
    the largest sum counts. Refunds that name no task count for the user's oldest failures, if the
    plan wants that.
    """
    read = SQL(" union all ").join(task_rows(plan, part) for part in plan.tasks)
    return SQL(
        """
        with read_tasks as materialized ({tasks}),
        old_refunds as materialized ({refunds}),
        -- Two tasks may bear the same name: the one that failed first was refunded first.
        names as (
            select
                n.*,
                row_number() over each_name as n,
                count(*) over (partition by n.user_id, n.name) as alike
            from (
                select distinct
                    t.user_id,
                    t.source_table,
                    t.source_id,
                    t.created_at,
                    t.status in ('failed', 'timed_out') as is_failure,
                    n.name
                from read_tasks as t
                cross join lateral unnest(array[t.source_id] || t.task_ids) as n (name)
            ) as n
            window each_name as (
                partition by n.user_id, n.name
                order by n.is_failure desc, n.created_at, n.source_table, n.source_id
            )
        ),
        numbered as (
            select
                r.*,
                row_number() over (
                    partition by r.source_table, r.user_id, r.reference
                    order by r.credits desc
                ) as n
            from old_refunds as r
        ),
        named as (
            select
                s.source_table,
                s.source_id,
                max(s.credits) as credits,
                max(s.refunds) as refunds
            from (
                select
                    n.source_table,
                    n.source_id,
                    sum(r.credits) as credits,
                    count(*) as refunds
                from numbered as r
                inner join names as n
                    on
                        n.user_id = coalesce(r.user_id, n.user_id)
                        and r.reference = n.name
                        and least(r.n, n.alike) = n.n
                group by n.source_table, n.source_id, r.source_table
            ) as s
            group by s.source_table, s.source_id
        ),
        unnamed as (
            select
                s.user_id,
                max(s.credits) as credits
            from (
                select
                    r.user_id,
                    sum(r.credits) as credits
                from old_refunds as r
                where
                    -- What went the other way and names something else is no refund of work.
                    (r.came or r.reference is null)
                    and not exists (
                        select
                        from names as n
                        where
                            n.user_id = r.user_id
                            and n.name = r.reference
                    )
                group by r.user_id, r.source_table
            ) as s
            group by s.user_id
        ),
        counted as (
            select
                t.*,
                coalesce(n.refunds, 0) as refunds,
                case
                    when not t.is_refunded then coalesce(n.credits, 0)
                    when t.refund_credits is null and n.credits is null then t.credits_charged
                    else greatest(coalesce(t.refund_credits, 0), coalesce(n.credits, 0))
                end as credits_named
            from read_tasks as t
            left join named as n
                on
                    t.source_table = n.source_table
                    and t.source_id = n.source_id
        ),
        short as (
            select
                c.*,
                case
                    when c.status in ('failed', 'timed_out')
                        then greatest(0, c.credits_charged - c.credits_named)
                    else 0
                end as shortage
            from counted as c
        ),
        queued as (
            select
                s.*,
                sum(s.shortage) over (
                    partition by s.user_id
                    order by s.created_at, s.source_table, s.source_id
                    rows between unbounded preceding and 1 preceding
                ) as shortage_before
            from short as s
        )

        select
            q.user_id,
            q.source_table,
            q.source_id,
            q.generation_id,
            q.provider,
            q.generation_type,
            q.task_ids[1] as provider_task_id,
            q.status,
            q.status_meant,
            q.credits_charged,
            q.credits_named
            + least(
                q.shortage,
                greatest(
                    0,
                    coalesce(u.credits, 0) * {count_unnamed}
                    - coalesce(q.shortage_before, 0)
                )
            ) as credits_refunded,
            q.refunds,
            q.created_at,
            q.finished_at,
            q.cost_usd,
            q.error_type,
            q.error_message,
            q.is_refunded
        from queued as q
        left join unnamed as u on q.user_id = u.user_id
        """
    ).format(
        tasks=read,
        refunds=refunds(plan),
        count_unnamed=sql.Literal(int(plan.unnamed_refunds == "count")),
    )


def refunds(plan: Plan) -> Composable:
    """Every refund, wherever it is noted: of which table, whose, naming what, and how much."""
    logged = [
        SQL(
            """
            select
                {name} as source_table,
                {user_id} as user_id,
                {task} as reference,
                abs({credits}) as credits,
                true as came
            from {table} as t
            where {credits} <> 0
            """
        ).format(
            name=sql.Literal(part.table),
            user_id=user_id(plan, part.user),
            task=_text(part.task),
            credits=_in_credits(plan, column(part.credits)),
            table=table(part.table),
        )
        for part in plan.refunds
    ]
    moved = [
        SQL(
            """
            select
                {name} as source_table,
                h.user_id,
                h.reference,
                abs(h.amount) as credits,
                h.amount > 0 as came
            from ({history}) as h
            where h.kind = 'refund'
            """
        ).format(name=sql.Literal(part.table), history=history(plan, part))
        for part in plan.history
        if "refund" in part.kinds.values()
    ]
    none: Composable = SQL(
        "select ''::text as source_table, null::uuid as user_id, null::text as reference,"
        " null::numeric as credits, null::boolean as came where false"
    )
    return SQL(" union all ").join((none, *logged, *moved))


def task_rows(plan: Plan, part: Tasks) -> Composable:
    """The tasks of one table, with what they say of themselves."""
    status = _cased(column(part.status), part.statuses, SQL("'unknown'"))
    stuck = (
        SQL("true")
        if plan.in_flight == "owe"
        else SQL("coalesce({}, '-infinity') < now() - make_interval(days => {})").format(
            _when(part.created), sql.Literal(plan.stuck_after_days)
        )
    )
    told = []
    if part.refunded_flag:
        told.append(SQL("coalesce({}, false)").format(column(part.refunded_flag)))
    if part.refunded_at:
        told.append(SQL("{} is not null").format(column(part.refunded_at)))
    if part.refunded_status:
        told.append(
            SQL(
                "coalesce(lower({}::text), '')"
                " in ('done', 'completed', 'refunded', 'processed', 'success')"
            ).format(column(part.refunded_status))
        )
    # How many were to come back does not say that they did, where something else says.
    if part.refunded_credits and not told:
        told.append(SQL("coalesce({}::numeric, 0) > 0").format(column(part.refunded_credits)))
    return SQL(
        """
        select
            {user_id} as user_id,
            {name} as source_table,
            t.{key}::text as source_id,
            {generation_id} as generation_id,
            lower(coalesce(nullif(btrim(left({provider}::text, 100)), ''), 'unknown')) as provider,
            coalesce(nullif(btrim(left({type}::text, 100)), ''), 'unknown') as generation_type,
            array_remove({task_ids}, null) as task_ids,
            w.status,
            s.status as status_meant,
            greatest(0, coalesce({credits}, 0)) as credits_charged,
            coalesce({created}, {finished}, now()) as created_at,
            case
                when w.status in ({finished_statuses})
                    then greatest(
                        coalesce({finished}, {created}, now()), {created}
                    )
            end as finished_at,
            {cost}::numeric as cost_usd,
            case
                when w.status = 'cancelled' then 'user_cancelled'
                when w.status = 'timed_out' then 'timeout'
                when w.status = 'failed'
                    then coalesce(
                        nullif(lower(left(btrim({error_type}::text), 100)), ''), 'unknown'
                    )
            end as error_type,
            {error_message}::text as error_message,
            {is_refunded} as is_refunded,
            nullif(abs({refund_credits}), 0) as refund_credits
        from {table} as t
        cross join lateral (select {status}) as s (status)
        cross join lateral (
            select
                case
                    when s.status in ('pending', 'processing') and {stuck} then 'timed_out'
                    else s.status
                end
        ) as w (status)
        where {user} is not null
        """
    ).format(
        user_id=user_id(plan, part.user),
        user=column(part.user),
        name=sql.Literal(part.table),
        key=sql.Identifier(part.key),
        generation_id=generation_id(part),
        provider=column(part.provider),
        type=column(part.type),
        # A longer one is none of the provider's.
        task_ids=SQL("array[{}]::text[]").format(
            SQL(", ").join(
                SQL("case when length({0}) <= 500 then {0} end").format(_text(name))
                for name in part.task_ids
            )
        ),
        credits=_in_credits(plan, column(part.credits)),
        created=_when(part.created),
        finished=_when(*part.finished),
        finished_statuses=SQL(", ").join(sql.Literal(one) for one in FINISHED_STATUSES),
        cost=column(part.cost),
        error_type=column(part.error_type),
        error_message=column(part.error_message),
        is_refunded=SQL("({})").format(SQL(" or ").join(told)) if told else SQL("false"),
        refund_credits=_in_credits(plan, column(part.refunded_credits)),
        table=table(part.table),
        status=status,
        stuck=stuck,
    )


def generation_id(part: Tasks) -> Composable:
    """The old id where it is a uuid: the application knows it already."""
    return SQL(
        """
        case
            when t.{key}::text
                ~ '^[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}$'
                then t.{key}::text::uuid
            else md5({table} || ':' || t.{key}::text)::uuid
        end
        """
    ).format(key=sql.Identifier(part.key), table=sql.Literal(part.table))
