-- What each provider's work cost in each day.

create or replace view credits_monitoring.provider_costs_daily as
select
    d.day,
    c.provider,
    c.billed_generations,
    c.cost_usd,
    c.min_cost_usd,
    c.avg_cost_usd,
    c.max_cost_usd,
    c.absorbed_cost_usd,
    c.unknown_billing
from credits_monitoring.business_days as d
cross join lateral (
    select
        b.provider,
        count(*) filter (where b.is_billed) as billed_generations,
        sum(b.cost_usd) filter (where b.is_billed) as cost_usd,
        min(b.cost_usd) filter (where b.is_billed) as min_cost_usd,
        round(avg(b.cost_usd) filter (where b.is_billed), 6) as avg_cost_usd,
        max(b.cost_usd) filter (where b.is_billed) as max_cost_usd,
        coalesce(sum(b.cost_usd) filter (where b.is_absorbed), 0) as absorbed_cost_usd,
        count(*) filter (where b.is_billed is null) as unknown_billing
    from (
        select
            g.provider,
            coalesce(g.cost_usd, g.quoted_cost_usd) as cost_usd,
            case
                when g.status = 'succeeded' then coalesce(g.provider_billed, true)
                else g.provider_billed
            end as is_billed,
            g.provider_billed
            and g.status <> 'succeeded'
            and r.refunded > 0 as is_absorbed
        from credits.generations as g
        left join credits.refund_totals as r
            on
                g.user_id = r.user_id
                and g.charge_transaction_id = r.transaction_id
        where
            g.finished_at >= d.starts_at
            and g.finished_at < d.ends_at
    ) as b
    group by b.provider
) as c;

comment on view credits_monitoring.provider_costs_daily is
'One row per day of finish and provider. Billed = the provider says so, or it succeeded and '
'nothing is known; cost = what was billed, else what was quoted. Days in the business time '
'zone.';
comment on column credits_monitoring.provider_costs_daily.day is 'Day of the finish.';
comment on column credits_monitoring.provider_costs_daily.provider is 'Who did the work.';
comment on column credits_monitoring.provider_costs_daily.billed_generations is
'Generations that the provider bills.';
comment on column credits_monitoring.provider_costs_daily.cost_usd is
'US dollars for these; null = none is known.';
comment on column credits_monitoring.provider_costs_daily.min_cost_usd is
'US dollars of the cheapest.';
comment on column credits_monitoring.provider_costs_daily.avg_cost_usd is
'US dollars of one, on average, of those whose cost is known.';
comment on column credits_monitoring.provider_costs_daily.max_cost_usd is
'US dollars of the dearest.';
comment on column credits_monitoring.provider_costs_daily.absorbed_cost_usd is
'US dollars of those that did not succeed and were given back.';
comment on column credits_monitoring.provider_costs_daily.unknown_billing is
'Generations that did not succeed, of which nobody knows whether they are billed.';

revoke all on credits_monitoring.provider_costs_daily from public;
grant select on credits_monitoring.provider_costs_daily to credits_analyst;
