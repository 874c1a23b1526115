-- What all users hold.

select coalesce(sum(b.found), 0) as credits
from ({balances}) as b
where b.user_id is not null
