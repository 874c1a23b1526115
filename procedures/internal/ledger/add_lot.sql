-- Grant credits to a user: make a lot and its ledger row.

create or replace function credits_internal.add_lot(
    p_user credits.user_credits,
    p_transaction_id uuid,
    p_at timestamptz,
    p_credits bigint,
    p_source credits.credit_source,
    p_expires_at timestamptz,
    p_priority integer,
    p_unit_price_usd numeric,
    p_origin_lot_id uuid default null,
    p_requested_credits bigint default null,
    p_reason text default null,
    p_idempotency_key text default null,
    p_metadata jsonb default null,
    p_more_follows boolean default false
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $add_lot$
declare
    v_lot_id constant uuid := credits_internal.uuid_v7(p_at);
begin
    insert into credits.credit_lots (
        user_id,
        lot_id,
        granted,
        remaining,
        expires_at,
        created_at,
        grant_transaction_id,
        origin_lot_id,
        priority,
        source,
        unit_price_usd
    )
    values (
        p_user.user_id,
        v_lot_id,
        p_credits,
        p_credits,
        p_expires_at,
        p_at,
        p_transaction_id,
        p_origin_lot_id,
        p_priority,
        p_source,
        p_unit_price_usd
    );

    return credits_internal.write_entry(
        p_user => p_user,
        p_transaction_id => p_transaction_id,
        p_at => p_at,
        p_transaction_type => 'grant',
        p_allocations => jsonb_build_array(credits_internal.allocation(v_lot_id, p_credits)),
        p_credits => p_credits,
        p_requested_credits => p_requested_credits,
        p_source => p_source,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key,
        p_metadata => p_metadata,
        p_more_follows => p_more_follows
    );
end
$add_lot$;

comment on function credits_internal.add_lot is
'Make a lot for a locked user and write its grant into the ledger. p_more_follows: as write_entry.';

revoke all on function credits_internal.add_lot from public;
