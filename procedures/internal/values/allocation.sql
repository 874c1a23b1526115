-- One leg of a ledger row: a lot and by how much it moved.

create or replace function credits_internal.allocation(
    p_lot_id uuid,
    p_credits bigint
)
returns jsonb
language sql
stable
parallel safe
security invoker
as $allocation$
    select pg_catalog.jsonb_build_object('lot_id', p_lot_id, 'credits', p_credits)
$allocation$;

comment on function credits_internal.allocation is
'One element of credit_transactions.allocations; credits are signed.';

revoke all on function credits_internal.allocation from public;
