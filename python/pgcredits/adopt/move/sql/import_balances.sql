-- Grant the kept balances, a batch of users with each call.

select coalesce(sum(i.imported), 0)::bigint as imported
from (
    select
        credits_internal.import_balances(
            array_agg(
                row(
                    {user_id}, b.source_table, b.source_id, b.bucket, null, b.expires_at,
                    b.found,
                    case when b.expires_at <= now() then 0 else greatest(0, b.found) end,
                    b.priority, b.unit_price_usd, null,
                    credits_internal.import_key(b.source_table, b.source_id) || {suffix}
                )::credits.imported_balances
            )
        ) as imported
    from old_balances as b
    group by b.batch
) as i
