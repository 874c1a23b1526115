-- What each provider's work cost on each day.

create or replace view credits_monitoring.provider_costs_daily as
select
    g.day,
    g.provider,
    count(*) filter (where g.is_billed) as billed_generations,
    sum(g.cost_usd) filter (where g.is_billed) as cost_usd,
    min(g.cost_usd) filter (where g.is_billed) as min_cost_usd,
    round(avg(g.cost_usd) filter (where g.is_billed), 6) as avg_cost_usd,
    max(g.cost_usd) filter (where g.is_billed) as max_cost_usd,
    coalesce(sum(g.cost_usd) filter (where g.is_absorbed), 0) as absorbed_cost_usd,
    count(*) filter (where g.is_billed is null) as unknown_billing
from credits_monitoring.finished_by_day as g
group by
    g.day,
    g.provider;

comment on view credits_monitoring.provider_costs_daily is
'One row per day of finish and provider. Billed = the provider says so, or it succeeded and '
'nothing is known; cost = what was billed, else what was quoted. Days are those of the business '
'time zone.';
comment on column credits_monitoring.provider_costs_daily.day is 'Day of the finish.';
comment on column credits_monitoring.provider_costs_daily.provider is 'Who did the work.';
comment on column credits_monitoring.provider_costs_daily.billed_generations is
'Generations that the provider bills.';
comment on column credits_monitoring.provider_costs_daily.cost_usd is
'US dollars of the billed generations, as far as known; null = none is known.';
comment on column credits_monitoring.provider_costs_daily.min_cost_usd is
'US dollars of the cheapest billed generation.';
comment on column credits_monitoring.provider_costs_daily.avg_cost_usd is
'US dollars of a billed generation: the average of those known.';
comment on column credits_monitoring.provider_costs_daily.max_cost_usd is
'US dollars of the dearest billed generation.';
comment on column credits_monitoring.provider_costs_daily.absorbed_cost_usd is
'US dollars of billed generations that did not succeed and were given back.';
comment on column credits_monitoring.provider_costs_daily.unknown_billing is
'Generations that did not succeed and may or may not be billed: nobody has said.';

revoke all on credits_monitoring.provider_costs_daily from public;
grant select on credits_monitoring.provider_costs_daily to credits_analyst;
