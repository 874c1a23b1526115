-- Balances of today in the shape of the old table. A join, so that PostgreSQL refuses every write.

select {shown}
from {table} as t
{join} join (
    select
        l.user_id,
        sum(l.remaining) as all_credits,
        sum(l.remaining) filter (where l.expires_at is null) as lasting_credits,
        sum(l.remaining) filter (where l.expires_at is not null) as expiring_credits
    from credits.credit_lots as l
    where l.expires_at is null or l.expires_at > now()
    group by l.user_id
) as s
    on s.user_id = {user_id}
