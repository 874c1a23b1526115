-- Refuse an amount of credits that no single call may move.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_credits(
    p_credits bigint
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_credits$
begin
    if credits_internal.are_good_credits(p_credits) then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_credits',
        p_credits::text,
        'is ' || coalesce(p_credits::text, 'null'),
        'Pass a whole number of credits from 1 to 1000000000000.'
    );
end
$require_credits$;

comment on function credits_internal.require_credits is
'Refuse null, zero, negative and more than 10^12 credits with PT422.';

revoke all on function credits_internal.require_credits from public;
