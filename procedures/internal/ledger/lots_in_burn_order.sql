-- A user's lots that still hold credits, numbered as they are spent.

create or replace function credits_internal.lots_in_burn_order(
    p_user_id uuid
)
returns table (
    burn_order bigint,
    lot_id uuid,
    remaining bigint,
    expires_at timestamptz
)
language sql
stable
parallel safe
security invoker
as $lots_in_burn_order$
    select
        row_number() over burn,
        l.lot_id,
        l.remaining,
        l.expires_at
    from credits.credit_lots as l
    where
        l.user_id = p_user_id
        and not l.depleted
    window burn as (
        order by
            l.priority,
            l.expires_at,
            (l.unit_price_usd is distinct from 0),
            l.created_at,
            l.lot_id
    )
$lots_in_burn_order$;

comment on function credits_internal.lots_in_burn_order is
'Lots with credits, in the order of: priority, soonest expiry, free before paid (unknown counts as '
'paid), oldest. Due lots are among them until their expiry is written.';

revoke all on function credits_internal.lots_in_burn_order from public;
