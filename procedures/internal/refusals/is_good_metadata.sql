-- Whether metadata is a JSON object of a size that the ledger takes.
--
-- Inlined by the planner, so that a call that is good pays for no function.

create or replace function credits_internal.is_good_metadata(
    p_metadata jsonb
)
returns boolean
language sql
immutable
parallel safe
security invoker
as $is_good_metadata$
    select coalesce(
        pg_catalog.jsonb_typeof(p_metadata) = 'object'
        and pg_catalog.octet_length(p_metadata::text) <= 16384,
        true
    )
$is_good_metadata$;

comment on function credits_internal.is_good_metadata is
'True for null, and for a JSON object of at most 16 kB.';

revoke all on function credits_internal.is_good_metadata from public;
