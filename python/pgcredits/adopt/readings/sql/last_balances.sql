-- The balance that a user's last row shows; any of them, where nothing says which was the last, or
-- keys and times say two.

select
    h.user_id,
    array_agg(h.balance_after * {per_unit}) as credits
from (
    select
        h.*,
        rank() over (partition by h.user_id order by {order} desc nulls last) as place,
        rank() over (partition by h.user_id order by h.occurred_at desc nulls last) as in_time,
        count(*) over (partition by h.user_id, h.occurred_at) as at_once
    from ({history}) as h
    where
        h.user_id is not null
        and h.balance_after is not null
) as h
where
    h.place = 1
    -- The time of many rows is that of their transaction, and says nothing.
    or (h.in_time = 1 and h.at_once = 1)
group by h.user_id
