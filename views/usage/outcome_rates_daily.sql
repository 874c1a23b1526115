-- How often and how fast what finished on each day succeeded.

create or replace view credits_monitoring.outcome_rates_daily as
select
    g.day,
    g.provider,
    g.generation_type,
    count(*) as finished,
    round(100.0 * count(*) filter (where g.status = 'succeeded') / count(*), 2)
        as success_rate_pct,
    round(100.0 * count(*) filter (where g.status <> 'succeeded') / count(*), 2)
        as failure_rate_pct,
    round((percentile_cont(0.5) within group (order by g.duration_seconds))::numeric, 3)
        as p50_duration_seconds,
    round((percentile_cont(0.95) within group (order by g.duration_seconds))::numeric, 3)
        as p95_duration_seconds
from credits_monitoring.finished_by_day as g
where g.is_finished
group by
    g.day,
    g.provider,
    g.generation_type;

comment on view credits_monitoring.outcome_rates_daily is
'One row per day of finish, provider and generation_type with anything finished: succeeded, '
'failed or timed out. What is in flight or was cancelled counts nowhere. Days are those of the '
'business time zone.';
comment on column credits_monitoring.outcome_rates_daily.day is 'Day of the finish.';
comment on column credits_monitoring.outcome_rates_daily.provider is 'Who did the work.';
comment on column credits_monitoring.outcome_rates_daily.generation_type is 'What was made.';
comment on column credits_monitoring.outcome_rates_daily.finished is
'Generations that succeeded, failed or timed out.';
comment on column credits_monitoring.outcome_rates_daily.success_rate_pct is
'Percent of the finished ones that succeeded.';
comment on column credits_monitoring.outcome_rates_daily.failure_rate_pct is
'Percent of the finished ones that failed or timed out.';
comment on column credits_monitoring.outcome_rates_daily.p50_duration_seconds is
'Seconds from start to finish that half of them did not exceed.';
comment on column credits_monitoring.outcome_rates_daily.p95_duration_seconds is
'Seconds from start to finish that 95 percent of them did not exceed.';

revoke all on credits_monitoring.outcome_rates_daily from public;
grant select on credits_monitoring.outcome_rates_daily to credits_analyst;
