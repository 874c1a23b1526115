-- Refuse a row limit that makes no sense.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_limit(
    p_limit integer
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_limit$
begin
    if p_limit >= 1 then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_limit',
        p_limit::text,
        'is ' || coalesce(p_limit::text, 'null'),
        'Pass how many rows to handle at most: 1 or more.'
    );
end
$require_limit$;

comment on function credits_internal.require_limit is
'Refuse a null, zero or negative limit with PT422.';

revoke all on function credits_internal.require_limit from public;
