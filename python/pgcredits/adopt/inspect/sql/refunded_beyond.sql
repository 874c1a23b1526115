-- Users who got back more than all that failed had cost them. What came back may stand in several
-- places: the largest sum counts.

select
    count(*) as users,
    coalesce(sum(u.refunded - u.failed), 0)::bigint as credits
from (
    select
        s.user_id,
        max(s.credits) as refunded,
        coalesce(max(f.credits), 0) as failed
    from (
        select
            r.user_id,
            sum(r.credits) as credits
        from ({refunds}) as r
        where r.came
        group by r.user_id, r.source_table
    ) as s
    left join (
        select
            t.user_id,
            sum(t.credits_charged) as credits
        from ({tasks}) as t
        where t.status in ('failed', 'timed_out', 'cancelled')
        group by t.user_id
    ) as f
        on s.user_id = f.user_id
    where s.user_id is not null
    group by s.user_id
) as u
where u.refunded > u.failed
