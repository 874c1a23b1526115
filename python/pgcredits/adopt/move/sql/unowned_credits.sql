-- The credits on rows that name no user.

select coalesce(trunc(sum(b.found)), 0)::bigint as credits
from ({balances}) as b
where b.user_id is null
