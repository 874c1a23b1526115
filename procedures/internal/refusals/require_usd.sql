-- Refuse an amount of US dollars that the ledger cannot hold.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_usd(
    p_argument text,
    p_usd numeric
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_usd$
begin
    if credits_internal.is_good_usd(p_usd) then
        return;
    end if;

    perform credits_internal.refuse_argument(
        p_argument,
        p_usd::text,
        'is ' || p_usd::text,
        'Pass 0, or US dollars from 0.000001 to below 1000000000, or null where the amount is '
        'unknown.'
    );
end
$require_usd$;

comment on function credits_internal.require_usd is
'Refuse negative dollars, NaN, infinity, what does not round to below 10^9, and what is not 0 but '
'rounds to 0, with PT422. Null passes.';

revoke all on function credits_internal.require_usd from public;
