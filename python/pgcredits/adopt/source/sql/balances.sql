-- What each bucket of each row holds; its column found may have a fraction, or be below 0.

select
    {user_id} as user_id,
    t.{key}::text as source_id,
    b.bucket,
    b.found,
    b.expires_at,
    b.priority,
    b.unit_price_usd
from {table} as t
cross join lateral ({months}) as m
cross join
    lateral (
        values {buckets}
    ) as b (bucket, found, expires_at, priority, unit_price_usd)
where
    {counts}  -- noqa: RF02
    and b.found <> 0
