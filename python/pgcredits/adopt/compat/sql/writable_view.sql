-- Balances of today in the place of the old table. A user's row here is joined first, so that
-- SELECT ... FOR UPDATE locks it before the old row, as everything does that moves credits.

select {shown}
from credits.user_credits as u
inner join {table} as t on u.user_id = {user_id}
