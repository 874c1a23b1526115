-- Refuse metadata that is not a JSON object, or is too large.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_metadata(
    p_metadata jsonb
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_metadata$
declare
    v_bytes constant integer := octet_length(p_metadata::text);
begin
    if credits_internal.is_good_metadata(p_metadata) then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_metadata',
        p_metadata::text,
        case
            when v_bytes > 16384 then format('has %s bytes', v_bytes)
            else format('is a JSON %s', jsonb_typeof(p_metadata))
        end,
        'Pass a JSON object of at most 16384 bytes; keep larger things in your own tables.'
    );
end
$require_metadata$;

comment on function credits_internal.require_metadata is
'Refuse metadata that is not a JSON object or has more than 16 kB with PT422. Null passes.';

revoke all on function credits_internal.require_metadata from public;
