-- The legs of a ledger row, also of one that was tampered with.

create or replace function credits_internal.read_allocations(
    p_allocations jsonb
)
returns table (
    lot_id text,
    credits numeric
)
language sql
stable
parallel safe
security invoker
as $read_allocations$
    select
        a.leg ->> 'lot_id',
        case
            when pg_catalog.jsonb_typeof(a.leg -> 'credits') = 'number'
                then (a.leg ->> 'credits')::numeric
        end
    from pg_catalog.jsonb_array_elements(
        case
            when pg_catalog.jsonb_typeof(p_allocations) = 'array' then p_allocations
            else '[]'
        end
    ) as a (leg)
$read_allocations$;

comment on function credits_internal.read_allocations is
'Lots and signed credits of allocations, however malformed they are; never raises an error.';

revoke all on function credits_internal.read_allocations from public;
