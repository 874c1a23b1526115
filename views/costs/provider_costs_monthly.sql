-- What each provider's work cost in each month.

create or replace view credits_monitoring.provider_costs_monthly as
with finished as (
    select
        g.*,
        date_trunc('month', g.day)::date as month
    from credits_monitoring.finished_by_day as g
)

select
    g.month,
    g.provider,
    count(*) filter (where g.is_billed) as billed_generations,
    sum(g.cost_usd) filter (where g.is_billed) as cost_usd,
    min(g.cost_usd) filter (where g.is_billed) as min_cost_usd,
    round(avg(g.cost_usd) filter (where g.is_billed), 6) as avg_cost_usd,
    max(g.cost_usd) filter (where g.is_billed) as max_cost_usd,
    coalesce(sum(g.cost_usd) filter (where g.is_absorbed), 0) as absorbed_cost_usd,
    count(*) filter (where g.is_billed is null) as unknown_billing
from finished as g
group by
    g.month,
    g.provider;

comment on view credits_monitoring.provider_costs_monthly is
'One row per month of finish and provider. Billed = the provider says so, or it succeeded and '
'nothing is known; cost = what was billed, else what was quoted. Months are those of the '
'business time zone.';
comment on column credits_monitoring.provider_costs_monthly.month is
'First day of the month of the finish.';
comment on column credits_monitoring.provider_costs_monthly.provider is 'Who did the work.';
comment on column credits_monitoring.provider_costs_monthly.billed_generations is
'Generations that the provider bills.';
comment on column credits_monitoring.provider_costs_monthly.cost_usd is
'US dollars of the billed generations, as far as known; null = none is known.';
comment on column credits_monitoring.provider_costs_monthly.min_cost_usd is
'US dollars of the cheapest billed generation.';
comment on column credits_monitoring.provider_costs_monthly.avg_cost_usd is
'US dollars of a billed generation: the average of those known.';
comment on column credits_monitoring.provider_costs_monthly.max_cost_usd is
'US dollars of the dearest billed generation.';
comment on column credits_monitoring.provider_costs_monthly.absorbed_cost_usd is
'US dollars of billed generations that did not succeed and were given back.';
comment on column credits_monitoring.provider_costs_monthly.unknown_billing is
'Generations that did not succeed and may or may not be billed: nobody has said.';

revoke all on credits_monitoring.provider_costs_monthly from public;
grant select on credits_monitoring.provider_costs_monthly to credits_analyst;
