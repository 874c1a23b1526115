-- How what finished on each day came out, and how long it took.

create or replace view credits_monitoring.outcome_rates_daily as
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
) as o;

comment on view credits_monitoring.outcome_rates_daily is
'One row per day of finish, provider and generation_type. Finished = succeeded, failed or timed '
'out; what was cancelled does not count. Days in the business time zone.';
comment on column credits_monitoring.outcome_rates_daily.day is 'Day of the finish.';
comment on column credits_monitoring.outcome_rates_daily.provider is 'Who did the work.';
comment on column credits_monitoring.outcome_rates_daily.generation_type is 'What was made.';
comment on column credits_monitoring.outcome_rates_daily.finished is
'Generations that succeeded, failed or timed out.';
comment on column credits_monitoring.outcome_rates_daily.success_rate_pct is
'Percent of these that succeeded.';
comment on column credits_monitoring.outcome_rates_daily.failure_rate_pct is
'Percent of these that failed or timed out.';
comment on column credits_monitoring.outcome_rates_daily.p50_duration_seconds is
'Half of these took no longer than so many seconds, from start to finish.';
comment on column credits_monitoring.outcome_rates_daily.p95_duration_seconds is
'95 of 100 took no longer than so many seconds.';

revoke all on credits_monitoring.outcome_rates_daily from public;
grant select on credits_monitoring.outcome_rates_daily to credits_analyst;
