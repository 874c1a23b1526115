-- What was started on each day, and what has become of it.

create or replace view credits_monitoring.usage_daily as
select
    g.day,
    g.provider,
    g.generation_type,
    count(*) as started,
    count(*) filter (where g.status = 'succeeded') as succeeded,
    count(*) filter (where g.status = 'failed') as failed,
    count(*) filter (where g.status = 'timed_out') as timed_out,
    count(*) filter (where g.status = 'cancelled') as cancelled,
    count(*) filter (where g.finished_at is null) as in_flight,
    sum(g.credits_charged)::bigint as credits_charged,
    sum(g.credits_refunded)::bigint as credits_refunded,
    count(distinct g.user_id) as users
from credits_monitoring.started_by_day as g
group by
    g.day,
    g.provider,
    g.generation_type;

comment on view credits_monitoring.usage_daily is
'One row per day of start, provider and generation_type: how many generations were started, '
'what has become of them until now, and their credits. Days are those of the business time '
'zone.';
comment on column credits_monitoring.usage_daily.day is 'Day of the start.';
comment on column credits_monitoring.usage_daily.provider is 'Who does the work.';
comment on column credits_monitoring.usage_daily.generation_type is 'What is made.';
comment on column credits_monitoring.usage_daily.started is 'Generations started.';
comment on column credits_monitoring.usage_daily.succeeded is 'Started that day, and succeeded.';
comment on column credits_monitoring.usage_daily.failed is 'Started that day, and failed.';
comment on column credits_monitoring.usage_daily.timed_out is 'Started that day, and timed out.';
comment on column credits_monitoring.usage_daily.cancelled is 'Started that day, and cancelled.';
comment on column credits_monitoring.usage_daily.in_flight is
'Started that day, and still in flight.';
comment on column credits_monitoring.usage_daily.credits_charged is
'Credits charged for the generations started that day.';
comment on column credits_monitoring.usage_daily.credits_refunded is
'Credits of credits_charged that came back, whenever that was.';
comment on column credits_monitoring.usage_daily.users is 'Users who started any.';

revoke all on credits_monitoring.usage_daily from public;
grant select on credits_monitoring.usage_daily to credits_analyst;
