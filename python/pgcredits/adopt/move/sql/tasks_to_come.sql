-- How many tasks would go on in flight, and what would be owed for those that failed.

select
    count(*) filter (where t.finished_at is null) as in_flight,
    coalesce(sum(t.credits_charged - t.credits_refunded) filter (where t.is_owed), 0)::bigint
        as owed,
    count(distinct t.user_id) filter (where t.is_owed) as owed_users
from (
    select
        o.*,
        o.status in ('failed', 'timed_out') and o.credits_charged > o.credits_refunded as is_owed
    from ({tasks}) as o
) as t
