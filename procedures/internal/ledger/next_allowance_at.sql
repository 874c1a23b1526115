-- When a user's plan brings the next credits.

create or replace function credits_internal.next_allowance_at(
    p_plan text,
    p_allowance_month date,
    p_allowance_credits bigint,
    p_now timestamptz
)
returns timestamptz
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $next_allowance_at$
    select
        case
            -- The latest allowance may be for a later month than this after a change of the
            -- business time zone. Of that month a larger plan then brings the difference.
            when
                p_allowance_month <= m.month
                and p.monthly_credits > case
                    when p_allowance_month = m.month then p_allowance_credits else 0
                end
                then p_now
            else greatest(
                credits_internal.month_end(p_now),
                (
                    p_allowance_month + case
                        when p_allowance_month > m.month
                            and p.monthly_credits > p_allowance_credits
                            then interval '0'
                        else interval '1 month'
                    end
                ) at time zone s.business_time_zone
            )
        end
    from credits.plans as p
    cross join credits.settings as s
    cross join (select credits_internal.month_of(p_now) as month) as m
    where p.plan = p_plan
$next_allowance_at$;

comment on function credits_internal.next_allowance_at is
'Now where the plan brings more for this month than was granted, else the start of the month after '
'it and after the latest allowance''s; null without a plan.';

revoke all on function credits_internal.next_allowance_at from public;
