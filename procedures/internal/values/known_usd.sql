-- An amount of US dollars that somebody reported, as the ledger holds it; null where it makes no
-- sense.

create or replace function credits_internal.known_usd(
    p_usd numeric
)
returns numeric
language sql
immutable
parallel safe
security invoker
as $known_usd$
    select case when credits_internal.is_good_usd(p_usd) then pg_catalog.round(p_usd, 6) end
$known_usd$;

comment on function credits_internal.known_usd is
'The amount, rounded to six decimals, where the ledger can hold it, else null.';

revoke all on function credits_internal.known_usd from public;
