-- Refuse a timeout that is zero, negative, or over 366 days.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_timeout(
    p_timeout interval
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_timeout$
begin
    if credits_internal.is_good_timeout(p_timeout) then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_timeout',
        p_timeout::text,
        'is ' || p_timeout::text,
        'Pass more than no time and at most 366 days, or null for the default of settings.'
    );
end
$require_timeout$;

comment on function credits_internal.require_timeout is
'Refuse a timeout of nothing, less than nothing, or more than 366 days, with PT422. Null passes.';

revoke all on function credits_internal.require_timeout from public;
