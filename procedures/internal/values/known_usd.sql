-- An amount of US dollars as somebody reported it, or null where it makes no sense.

create or replace function credits_internal.known_usd(
    p_usd numeric
)
returns numeric
language sql
immutable
parallel safe
security invoker
as $known_usd$
    select case when credits_internal.is_good_usd(p_usd) then p_usd end
$known_usd$;

comment on function credits_internal.known_usd is
'The amount where the ledger can hold it, else null.';

revoke all on function credits_internal.known_usd from public;
