-- Users who were charged for work that failed, and did not get all of it back.

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
    t.user_id asc
