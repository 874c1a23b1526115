-- What each row of a history did to its user's credits.

select
    {user_id} as user_id,
    t.{key}::text as source_id,
    t.{key} as source_key,
    {at} as occurred_at,
    {moved} as credits,
    {amount} as amount,
    {cost}::numeric as cost_usd,
    k.kind,
    {reference} as reference,
    {after}::numeric as balance_after,
    to_jsonb(t) as original,
    t.xmin as written_by
from {table} as t
cross join lateral (select {kind}) as k (kind)
