-- Whether the ledger can hold an amount of US dollars, or it is unknown.
--
-- Inlined by the planner, so that a call that is good pays for no function.

create or replace function credits_internal.is_good_usd(
    p_usd numeric
)
returns boolean
language sql
immutable
parallel safe
security invoker
as $is_good_usd$
    -- NaN and Infinity sort above every number, so that they fail here, too. What is not 0, but
    -- would be rounded to it, would make something free.
    select coalesce(p_usd = 0 or (p_usd >= 0.0000005 and p_usd < 999999999.9999995), true)
$is_good_usd$;

comment on function credits_internal.is_good_usd is
'True for null, for 0, and from what rounds to 0.000001 to what rounds to below 10^9.';

revoke all on function credits_internal.is_good_usd from public;
