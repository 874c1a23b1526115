-- Lots of today in the shape of the old table: beside its rows those that came since, where the old
-- id of their user is known. A join, so that PostgreSQL refuses every write.

select {shown}
from {table} as t
full join (
    select
        l.user_id,
        x.external_id,
        l.remaining,
        l.expires_at,
        i.source_id
    from credits.credit_lots as l
    left join credits.external_users as x on l.user_id = x.user_id
    left join credits.imported_balances as i
        on
            l.user_id = i.user_id
            and l.grant_transaction_id = i.transaction_id
            and i.source_table = {name}
    where
        l.remaining > 0
        and (l.expires_at is null or l.expires_at > now())
) as s
    on s.source_id = t.{key}::text
where
    t.{key} is not null
    or {old_id} is not null
