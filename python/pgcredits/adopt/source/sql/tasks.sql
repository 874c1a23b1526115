-- Every task, and how much of its price was refunded, wherever that is recorded.

with read_tasks as materialized ({all_tasks}),

old_refunds as materialized ({all_refunds}),

-- Two tasks may have the same name: of these, the one that failed first was refunded first.
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
        order by n.is_failure desc, n.created_at asc, n.source_table asc, n.source_id asc
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
            -- A refund of the wrong sign that names something else is not a refund of work.
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
