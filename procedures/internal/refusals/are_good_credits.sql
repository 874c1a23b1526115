-- Whether a single call may move so many credits.
--
-- Inlined by the planner, so that a call that is good pays for no function.

create or replace function credits_internal.are_good_credits(
    p_credits bigint
)
returns boolean
language sql
immutable
parallel safe
security invoker
as $are_good_credits$
    select coalesce(p_credits between 1 and 1000000000000, false)
$are_good_credits$;

comment on function credits_internal.are_good_credits is
'True from 1 to 10^12 credits.';

revoke all on function credits_internal.are_good_credits from public;
