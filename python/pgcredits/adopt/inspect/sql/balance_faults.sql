-- Balances that are below 0, name no user, or have expired and are still there.

select
    count(*) filter (where b.found < 0) as negatives,
    coalesce(-sum(b.found) filter (where b.found < 0), 0)::bigint as below,
    count(*) filter (where b.user_id is null) as orphans,
    coalesce(sum(b.found) filter (where b.user_id is null), 0)::bigint as orphaned,
    count(*) filter (where b.expires_at <= now() and b.found > 0) as expired,
    coalesce(sum(b.found) filter (where b.expires_at <= now() and b.found > 0), 0)::bigint
        as expired_credits
from ({balances}) as b
