-- What the older system holds, and what the ledger would get of it.

select
    t.users,
    t.found,
    t.forgiven,
    t.expired,
    t.found + t.forgiven - t.expired as granted,
    t.found + t.forgiven - t.expired as in_ledger
from (
    select
        count(distinct b.user_id) as users,
        coalesce(sum(b.found), 0)::bigint as found,
        coalesce(-sum(b.found) filter (where b.found < 0), 0)::bigint as forgiven,
        coalesce(sum(b.found) filter (where b.found > 0 and b.expires_at <= now()), 0)::bigint
            as expired
    from ({balances}) as b
    where b.user_id is not null
) as t
