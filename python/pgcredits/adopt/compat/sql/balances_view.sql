-- Balances of today in the shape of the old table. A join, so that PostgreSQL refuses every write.
-- Users who came later have no old row: a full join shows them, where their old id is known.

select {shown}
from {table} as t
full join (
    select
        l.user_id,
        x.external_id,
        sum(l.remaining) as all_credits,
        sum(l.remaining) filter (where l.expires_at is null) as lasting_credits,
        sum(l.remaining) filter (where l.expires_at is not null) as expiring_credits
    from credits.credit_lots as l
    left join credits.external_users as x on l.user_id = x.user_id
    where l.expires_at is null or l.expires_at > now()
    group by
        l.user_id,
        x.external_id
) as s
    on s.user_id = {user_id}
where
    t.{key} is not null
    or {old_id} is not null
