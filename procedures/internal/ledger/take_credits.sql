-- Take credits out of a user's lots in burn order, as far as they reach.

create or replace function credits_internal.take_credits(
    p_user_id uuid,
    p_credits bigint,
    p_family_of uuid default null,
    p_is_expiring boolean default null
)
returns jsonb
language sql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $take_credits$
    with recursive family as (
        select p_family_of as lot_id
        where p_family_of is not null
        union
        select child.lot_id
        from family
        inner join credits.credit_lots as child on family.lot_id = child.origin_lot_id
        where child.user_id = p_user_id
    ),
    reachable as (
        select
            b.burn_order,
            b.lot_id,
            b.remaining,
            sum(b.remaining) over (order by b.burn_order) as running_total
        from credits_internal.lots_in_burn_order(p_user_id => p_user_id) as b
        where
            (p_family_of is null or b.lot_id in (select f.lot_id from family as f))
            and (p_is_expiring is null or p_is_expiring = (b.expires_at is not null))
    ),
    taken as (
        select
            r.burn_order,
            r.lot_id,
            least(r.remaining, p_credits - (r.running_total - r.remaining))::bigint as credits
        from reachable as r
        where r.running_total - r.remaining < p_credits
    ),
    moved as (
        update credits.credit_lots as l
        set remaining = l.remaining - t.credits
        from taken as t
        where
            l.user_id = p_user_id
            and l.lot_id = t.lot_id
    )
    select jsonb_agg(
        credits_internal.allocation(t.lot_id, -t.credits)
        order by t.burn_order
    )
    from taken as t
$take_credits$;

comment on function credits_internal.take_credits is
'Take up to so many credits from a user''s lots, or only from one lot and those descended from it, '
'or only from those that expire (p_is_expiring), or never do, and return the allocations; null '
'where there was nothing to take. The caller holds the user''s lock and has written the due '
'expiries.';

revoke all on function credits_internal.take_credits from public;
