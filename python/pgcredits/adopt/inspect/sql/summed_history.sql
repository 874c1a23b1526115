-- The sum of all rows of each user.

select
    h.user_id,
    array[sum(h.credits)] as credits
from ({history}) as h
where h.user_id is not null
group by h.user_id
