-- How each provider did within the last hour, day, week and month.

create or replace view credits_monitoring.provider_reliability as
with recent as (
    select
        g.provider,
        g.status,
        g.error_type,
        g.finished_at,
        g.duration_seconds,
        g.is_provider_fault
    from credits_monitoring.generation_facts as g
    where
        g.finished_at > now() - interval '30 days'
        and g.is_finished
),

latest as (
    select
        r.provider,
        max(r.finished_at) filter (where r.status = 'succeeded') as last_success_at
    from recent as r
    group by r.provider
),

in_a_row as (
    select
        r.provider,
        count(*) filter (where r.is_provider_fault) as failures
    from recent as r
    inner join latest as l on r.provider = l.provider
    where
        l.last_success_at is null
        or r.finished_at > l.last_success_at
    group by r.provider
)

select
    l.provider,
    w.time_window,
    count(r.finished_at) as finished,
    round(
        100.0 * count(*) filter (where r.status = 'succeeded') / nullif(count(r.finished_at), 0), 2
    ) as success_rate_pct,
    round(
        100.0 * count(*) filter (where r.is_provider_fault) / nullif(count(r.finished_at), 0), 2
    ) as provider_fault_rate_pct,
    round((percentile_cont(0.5) within group (order by r.duration_seconds))::numeric, 3)
        as p50_duration_seconds,
    round((percentile_cont(0.95) within group (order by r.duration_seconds))::numeric, 3)
        as p95_duration_seconds,
    l.last_success_at,
    coalesce(i.failures, 0) as consecutive_failures,
    mode() within group (order by r.error_type)
    filter (where r.status <> 'succeeded') as top_error_type
from latest as l
cross join (
    values
    ('1h', interval '1 hour'),
    ('24h', interval '24 hours'),
    ('7d', interval '7 days'),
    ('30d', interval '30 days')
) as w (time_window, length)
left join in_a_row as i on l.provider = i.provider
left join recent as r
    on
        l.provider = r.provider
        and r.finished_at > now() - w.length
group by
    l.provider,
    w.time_window,
    l.last_success_at,
    i.failures;

comment on view credits_monitoring.provider_reliability is
'Four rows per provider that finished anything within 30 days: succeeded, failed or timed out.';
comment on column credits_monitoring.provider_reliability.provider is 'Who did the work.';
comment on column credits_monitoring.provider_reliability.time_window is
'How far back it looks: 1h, 24h, 7d or 30d.';
comment on column credits_monitoring.provider_reliability.finished is
'Generations that succeeded, failed or timed out within it.';
comment on column credits_monitoring.provider_reliability.success_rate_pct is
'Percent of these that succeeded; null = nothing finished.';
comment on column credits_monitoring.provider_reliability.provider_fault_rate_pct is
'Percent of these that failed by the provider''s own fault (refund_policies); null = nothing '
'finished.';
comment on column credits_monitoring.provider_reliability.p50_duration_seconds is
'Seconds from start to finish that half of them did not exceed.';
comment on column credits_monitoring.provider_reliability.p95_duration_seconds is
'Seconds from start to finish that 95 percent of them did not exceed.';
comment on column credits_monitoring.provider_reliability.last_success_at is
'When it last succeeded; null = not within 30 days.';
comment on column credits_monitoring.provider_reliability.consecutive_failures is
'Failures by its own fault since last_success_at. Other failures in between do not end this count, '
'but end the alert provider_down.';
comment on column credits_monitoring.provider_reliability.top_error_type is
'Most frequent kind of failure within the window, of several the first by name; null = none '
'failed.';

revoke all on credits_monitoring.provider_reliability from public;
grant select on credits_monitoring.provider_reliability to credits_analyst;
