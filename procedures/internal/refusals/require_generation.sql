-- Refuse a missing generation id.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_generation(
    p_generation_id uuid
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_generation$
begin
    if p_generation_id is null then
        perform credits_internal.refuse_argument(
            'p_generation_id', null, 'is null', 'Pass the generation_id of start_generation.'
        );
    end if;
end
$require_generation$;

comment on function credits_internal.require_generation is
'Refuse a null generation id with PT422.';

revoke all on function credits_internal.require_generation from public;
