-- Whether a timeout ends, and has not ended already.
--
-- Inlined by the planner, so that a call that is good pays for no function.

create or replace function credits_internal.is_good_timeout(
    p_timeout interval
)
returns boolean
language sql
immutable
parallel safe
security invoker
as $is_good_timeout$
    select coalesce(p_timeout > interval '0' and p_timeout <= interval '366 days', true)
$is_good_timeout$;

comment on function credits_internal.is_good_timeout is
'True for null, and for more than nothing up to 366 days.';

revoke all on function credits_internal.is_good_timeout from public;
