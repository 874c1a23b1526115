-- The balance that a user's last row shows; any of them, where nothing says which was the last.

select
    h.user_id,
    array_agg(h.balance_after * {per_unit}) as credits
from (
    select
        h.*,
        rank() over (partition by h.user_id order by {order} desc) as place
    from ({history}) as h
    where
        h.user_id is not null
        and h.balance_after is not null
) as h
where h.place = 1
group by h.user_id
