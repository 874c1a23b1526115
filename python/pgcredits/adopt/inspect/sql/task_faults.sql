-- Tasks that are owed, refunded too much, delivered and refunded, free, or that never ended.

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
