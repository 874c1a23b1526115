-- The sum of all rows of each user, and what they had before the first.

select
    h.user_id,
    array[coalesce(sum(h.credits), 0) + {opening}] as credits
from ({history}) as h
where h.user_id is not null
group by h.user_id
