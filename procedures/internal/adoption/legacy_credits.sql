-- Convert an amount of an older system, one unit of which may be several credits, into credits.
--
-- Errors: PT422 invalid_argument where the amount is not a whole number of credits.

create or replace function credits_internal.legacy_credits(
    p_amount numeric,
    p_credits_per_unit integer
)
returns bigint
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $legacy_credits$
declare
    v_credits constant numeric := p_amount * p_credits_per_unit;
begin
    if v_credits <> trunc(v_credits) or abs(v_credits) > 9e15 then
        perform credits_internal.refuse_argument(
            'amount',
            p_amount::text,
            'is not a whole number of credits',
            format('Pass a multiple of 1/%s.', p_credits_per_unit)
        );
    end if;

    return v_credits;
end
$legacy_credits$;

comment on function credits_internal.legacy_credits is
'An amount of an older system in credits; null for null. Errors: PT422 invalid_argument where it '
'is not a whole number of credits.';

revoke all on function credits_internal.legacy_credits from public;
