-- Balances that are the sum of a history.

select
    h.user_id,
    {source_id}::text as source_id,
    'sum' as bucket,
    {total} as found,
    null::timestamptz as expires_at,
    100 as priority,
    null::numeric as unit_price_usd
from ({history}) as h
group by h.user_id
having {total} <> 0
