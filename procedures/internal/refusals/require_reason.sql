-- Refuse a reason that is too long.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_reason(
    p_reason text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_reason$
begin
    if not credits_internal.is_good_reason(p_reason) then
        perform credits_internal.refuse_argument(
            'p_reason',
            p_reason,
            format('has %s characters', length(p_reason)),
            'Pass at most 1000 characters; keep longer texts in your own tables.'
        );
    end if;
end
$require_reason$;

comment on function credits_internal.require_reason is
'Refuse a reason of more than 1,000 characters with PT422. Null passes.';

revoke all on function credits_internal.require_reason from public;
