-- What providers bill, or may bill, for what was given back.

create or replace view credits_monitoring.absorbed_costs_daily as
select
    g.day,
    g.provider,
    count(*) filter (where g.is_absorbed) as generations,
    coalesce(sum(g.cost_usd) filter (where g.is_absorbed), 0) as cost_usd,
    coalesce(sum(g.cost_if_billed_usd) filter (where g.is_billed is null), 0)
        as unknown_billing_cost_usd
from credits_monitoring.finished_by_day as g
where
    g.is_refunded
    and g.is_billed is distinct from false
group by
    g.day,
    g.provider;

comment on view credits_monitoring.absorbed_costs_daily is
'One row per day of finish and provider, if generations were given back that are billed, or may '
'be. Days are those of the business time zone.';
comment on column credits_monitoring.absorbed_costs_daily.day is 'Day of the finish.';
comment on column credits_monitoring.absorbed_costs_daily.provider is 'Who did the work.';
comment on column credits_monitoring.absorbed_costs_daily.generations is
'Generations that did not succeed, were given back, and are billed.';
comment on column credits_monitoring.absorbed_costs_daily.cost_usd is
'US dollars that the provider bills for these generations, as far as known.';
comment on column credits_monitoring.absorbed_costs_daily.unknown_billing_cost_usd is
'US dollars, as quoted, of generations that were given back and may or may not be billed: nobody '
'has said.';

revoke all on credits_monitoring.absorbed_costs_daily from public;
grant select on credits_monitoring.absorbed_costs_daily to credits_analyst;
