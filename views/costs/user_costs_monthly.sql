-- What each user brought in and cost in each month.

create or replace view credits_monitoring.user_costs_monthly as
with months as (
    select
        g.user_id,
        date_trunc('month', d.day)::date as month,
        count(*) as generations,
        sum(g.credits_net)::bigint as credits_net,
        sum(g.revenue_usd) as revenue_usd,
        sum(g.cost_usd) as cost_usd,
        sum(g.margin_usd) as margin_usd,
        coalesce(sum(g.cost_usd) filter (where g.is_absorbed), 0) as absorbed_cost_usd
    from credits_monitoring.business_days as d
    cross join
        lateral (
            select g.*
            from credits_monitoring.generation_costs as g
            where
                g.started_at >= d.starts_at
                and g.started_at < d.ends_at
            -- offset 0 keeps the planner from pulling this up: each day reads only its own
            -- part of the index.
            offset 0
        ) as g
    group by
        date_trunc('month', d.day)::date,
        g.user_id
)

select
    m.month,
    m.user_id,
    m.generations,
    m.credits_net,
    m.revenue_usd,
    m.cost_usd,
    m.absorbed_cost_usd,
    m.margin_usd,
    rank() over (partition by m.month order by m.cost_usd desc nulls last) as cost_rank,
    x.external_id as external_user_id
from months as m
left join credits.external_users as x on m.user_id = x.user_id;

comment on view credits_monitoring.user_costs_monthly is
'One row per month of start and user. Months are those of the business time zone. Dollars are '
'summed as far as they are known; null = none is known.';
comment on column credits_monitoring.user_costs_monthly.month is
'First day of the month of the start.';
comment on column credits_monitoring.user_costs_monthly.user_id is 'The user.';
comment on column credits_monitoring.user_costs_monthly.generations is 'Generations started.';
comment on column credits_monitoring.user_costs_monthly.credits_net is
'Credits that they cost the user until now.';
comment on column credits_monitoring.user_costs_monthly.revenue_usd is
'US dollars that the credits of credits_net were sold for.';
comment on column credits_monitoring.user_costs_monthly.cost_usd is
'US dollars that providers bill for these generations.';
comment on column credits_monitoring.user_costs_monthly.absorbed_cost_usd is
'US dollars that providers bill for generations that did not succeed and were given back.';
comment on column credits_monitoring.user_costs_monthly.margin_usd is
'revenue_usd less cost_usd, summed over generations of which both are known; null = there are '
'none.';
comment on column credits_monitoring.user_costs_monthly.cost_rank is
'1 = the user who cost most in this month.';
comment on column credits_monitoring.user_costs_monthly.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.user_costs_monthly from public;
grant select on credits_monitoring.user_costs_monthly to credits_analyst;
