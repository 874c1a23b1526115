-- What a history did to each user's credits, read in several ways at once.

select
    {user_id} as user_id,
    {sums}  -- noqa: RF02
from {table} as t
cross join lateral (select {kind}) as k (kind)
group by 1
