-- How much may still roll over of what a user's plan brought for a month that has ended.
--
-- All lots of that month share the plan's maximum, whether a rollover came by an expiry or by a
-- refund that came later.

create or replace function credits_internal.rollover_left(
    p_user credits.user_credits,
    p_ended_at timestamptz
)
returns bigint
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $rollover_left$
declare
    -- The plan that was held when the month ended; it may have been changed since.
    v_plan constant text := case
        when p_user.earlier_plan_until >= p_ended_at then p_user.earlier_plan
        else p_user.plan
    end;
    v_max constant bigint := (
        select p.rollover_max_credits
        from credits.plans as p
        where p.plan = v_plan
    );
    v_rolled constant bigint := (
        select sum(l.granted)
        from credits.credit_lots as l
        where
            l.user_id = p_user.user_id
            and l.source = 'rollover'
            and l.expires_at > p_ended_at
    );
begin
    return greatest(0, coalesce(v_max, 0) - coalesce(v_rolled, 0));
end
$rollover_left$;

comment on function credits_internal.rollover_left is
'The rollover_max_credits of the plan that a locked user held at this time, the end of an '
'allowance, less what has rolled over since.';

revoke all on function credits_internal.rollover_left from public;
