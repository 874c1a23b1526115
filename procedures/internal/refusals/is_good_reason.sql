-- Whether a reason is short enough.
--
-- Inlined by the planner, so that a call that is good pays for no function.

create or replace function credits_internal.is_good_reason(
    p_reason text
)
returns boolean
language sql
immutable
parallel safe
security invoker
as $is_good_reason$
    select coalesce(pg_catalog.length(p_reason) <= 1000, true)
$is_good_reason$;

comment on function credits_internal.is_good_reason is
'True for null and at most 1,000 characters.';

revoke all on function credits_internal.is_good_reason from public;
