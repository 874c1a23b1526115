-- What the legs of a ledger row sum to.

create or replace function credits_internal.allocated(
    p_allocations jsonb
)
returns bigint
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $allocated$
    select coalesce(sum(a.credits), 0)::bigint
    from jsonb_to_recordset(p_allocations) as a (credits bigint)
$allocated$;

comment on function credits_internal.allocated is
'The signed sum of allocations; 0 for null.';

revoke all on function credits_internal.allocated from public;
