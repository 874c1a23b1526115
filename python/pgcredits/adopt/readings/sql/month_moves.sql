-- What a month leads to: the allowance, what does not expire with the month, and the charges and
-- refunds since the last reset.

select
    o.user_id,
    array[sum(o.credits)] as credits
from (
    select
        {user_id} as user_id,
        {lasting} + coalesce({allowance}, 0) as credits
    from {table} as t
    where {counts}
    union all
    select
        h.user_id,
        h.credits
    from ({history}) as h
    inner join
        (
            select
                {user_id} as user_id,
                {reset} as reset_at
            from {table} as t
            where {counts}
        ) as r
        on h.user_id = r.user_id
    where
        h.kind in ('charge', 'refund')
        and h.occurred_at >= coalesce(r.reset_at, '-infinity')
) as o
where o.user_id is not null
group by o.user_id
