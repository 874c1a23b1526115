import sys; sys.path.insert(0,'/tmp')
from mkview import mk
DAYS=dict(day='Day, in the business time zone.')
mk('usage','active_users_daily','Who used the platform on each day.','''
select
    d.day,
    u.active_users,
    u.new_users,
    u.generations,
    u.credits_charged
from credits_monitoring.business_days as d
cross join lateral (
    select
        count(distinct g.user_id) as active_users,
        count(distinct g.user_id) filter (where not exists (
            select
            from credits.generations as e
            where
                e.user_id = g.user_id
                and e.created_at < d.starts_at
        )) as new_users,
        count(*) as generations,
        sum(g.credits_charged)::bigint as credits_charged
    from credits.generations as g
    where
        g.created_at >= d.starts_at
        and g.created_at < d.ends_at
    having count(*) > 0
) as u
''','One row per day on which anything was started. Days in the business time zone.',dict(
 day='Day of the start.',active_users='Users who started a generation.',new_users='Those of them who had never started one before.',generations='Generations started.',credits_charged='Credits charged for them.'))
mk('usage','active_users_monthly','Who used the platform in each month.','''
select
    m.month,
    u.active_users,
    u.new_users,
    u.generations,
    u.credits_charged
from credits_monitoring.business_months as m
cross join lateral (
    select
        count(distinct g.user_id) as active_users,
        count(distinct g.user_id) filter (where not exists (
            select
            from credits.generations as e
            where
                e.user_id = g.user_id
                and e.created_at < m.starts_at
        )) as new_users,
        count(*) as generations,
        sum(g.credits_charged)::bigint as credits_charged
    from credits.generations as g
    where
        g.created_at >= m.starts_at
        and g.created_at < m.ends_at
    having count(*) > 0
) as u
''','One row per month in which anything was started. Months in the business time zone.',dict(
 month='First day of the month of the start.',active_users='Users who started a generation.',new_users='Those of them who had never started one before.',generations='Generations started.',credits_charged='Credits charged for them.'))
mk('usage','business_months','The months since anything was started first, and when they begin and end.','''
select
    m.month::date as month,
    m.month at time zone s.business_time_zone as starts_at,
    (m.month + interval '1 month') at time zone s.business_time_zone as ends_at
from credits.settings as s
cross join lateral generate_series(
    (
        select date_trunc('month', min(g.created_at) at time zone s.business_time_zone)
        from credits.generations as g
    ),
    now() at time zone s.business_time_zone,
    interval '1 month'
) as m (month)
''','One row per month in the business time zone, from the first generation\'s to this one.',dict(month='First day of the month.',starts_at='Its first moment.',ends_at='The first moment of the next.'))
mk('outcomes','outcome_rates_daily','How what finished on each day came out, and how long it took.','''
select
    d.day,
    o.provider,
    o.generation_type,
    o.finished,
    round(100.0 * o.succeeded / o.finished, 2) as success_rate_pct,
    round(100.0 * (o.finished - o.succeeded) / o.finished, 2) as failure_rate_pct,
    o.p50_duration_seconds,
    o.p95_duration_seconds
from credits_monitoring.business_days as d
cross join lateral (
    select
        g.provider,
        g.generation_type,
        count(*) as finished,
        count(*) filter (where g.status = 'succeeded') as succeeded,
        percentile_cont(0.5) within group (
            order by extract(epoch from g.finished_at - g.created_at)::double precision
        ) as p50_duration_seconds,
        percentile_cont(0.95) within group (
            order by extract(epoch from g.finished_at - g.created_at)::double precision
        ) as p95_duration_seconds
    from credits.generations as g
    where
        g.finished_at >= d.starts_at
        and g.finished_at < d.ends_at
        and g.status <> 'cancelled'
    group by
        g.provider,
        g.generation_type
) as o
''','One row per day of finish, provider and generation_type. Finished = succeeded, failed or timed out; what was cancelled does not count. Days in the business time zone.',dict(
 day='Day of the finish.',provider='Who did the work.',generation_type='What was made.',finished='Generations that succeeded, failed or timed out.',success_rate_pct='Percent of these that succeeded.',failure_rate_pct='Percent of these that failed or timed out.',p50_duration_seconds='Half of these took no longer than so many seconds, from start to finish.',p95_duration_seconds='95 of 100 took no longer than so many seconds.'))
COST='''
select
    d.{g},
    c.provider,
    c.billed_generations,
    c.cost_usd,
    c.min_cost_usd,
    c.avg_cost_usd,
    c.max_cost_usd,
    c.absorbed_cost_usd,
    c.unknown_billing
from credits_monitoring.business_{g}s as d
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
) as c
'''
for g,p in (('day','daily'),('month','monthly')):
    mk('costs',f'provider_costs_{p}',f'What each provider\'s work cost in each {g}.',COST.format(g=g),
     f'One row per {g} of finish and provider. Billed = the provider says so, or it succeeded and nothing is known; cost = what was billed, else what was quoted. '+('Days' if g=='day' else 'Months')+' in the business time zone.',{
      g:('Day of the finish.' if g=='day' else 'First day of the month of the finish.'),'provider':'Who did the work.','billed_generations':'Generations that the provider bills.','cost_usd':'US dollars for these; null = none is known.','min_cost_usd':'US dollars of the cheapest.','avg_cost_usd':'US dollars of one, on average, of those whose cost is known.','max_cost_usd':'US dollars of the dearest.','absorbed_cost_usd':'US dollars of those that did not succeed and were given back.','unknown_billing':'Generations that did not succeed, of which nobody knows whether they are billed.'})
