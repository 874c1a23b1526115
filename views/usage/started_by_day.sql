-- Every generation that was started, with the day of its start: the views by day of start read it.

create or replace view credits_monitoring.started_by_day as
select
    d.day,
    d.starts_at as day_starts_at,
    g.user_id,
    g.generation_id,
    g.provider,
    g.generation_type,
    g.status,
    g.error_type,
    g.started_at,
    g.finished_at,
    g.credits_charged,
    g.credits_refunded,
    g.is_billed,
    g.cost_if_billed_usd,
    g.duration_seconds,
    g.is_finished,
    g.is_refunded,
    g.cost_usd,
    g.is_absorbed,
    g.external_user_id
from credits_monitoring.business_days as d
cross join
    lateral (
        select f.*
        from credits_monitoring.generation_facts as f
        where
            f.started_at >= d.starts_at
            and f.started_at < d.ends_at
        -- offset 0 keeps the planner from pulling this up: each day reads only its own part of
        -- the index.
        offset 0
    ) as g;

comment on view credits_monitoring.started_by_day is
'One row per generation that was started, with the day of its start in the business time zone: '
'a filter on day reads only that day.';
comment on column credits_monitoring.started_by_day.day is 'Day of the start.';
comment on column credits_monitoring.started_by_day.day_starts_at is 'First moment of that day.';
comment on column credits_monitoring.started_by_day.user_id is
'Who pays.';
comment on column credits_monitoring.started_by_day.generation_id is
'The generation.';
comment on column credits_monitoring.started_by_day.provider is
'Who does the work.';
comment on column credits_monitoring.started_by_day.generation_type is
'What is made.';
comment on column credits_monitoring.started_by_day.status is
'The status of the generation.';
comment on column credits_monitoring.started_by_day.error_type is
'Kind of failure; null = none.';
comment on column credits_monitoring.started_by_day.started_at is
'When it was started and charged.';
comment on column credits_monitoring.started_by_day.finished_at is
'When it succeeded, failed, was cancelled or timed out; null = in flight.';
comment on column credits_monitoring.started_by_day.credits_charged is
'Credits taken at the start.';
comment on column credits_monitoring.started_by_day.credits_refunded is
'Credits of credits_charged that came back until now.';
comment on column credits_monitoring.started_by_day.is_billed is
'Whether the provider bills it: it says so, or it succeeded and nothing is known; null = '
'unknown.';
comment on column credits_monitoring.started_by_day.cost_if_billed_usd is
'US dollars that the provider billed, else those that were quoted; null = unknown.';
comment on column credits_monitoring.started_by_day.duration_seconds is
'Seconds from the start to the end; null = in flight.';
comment on column credits_monitoring.started_by_day.is_finished is
'Whether it succeeded, failed or timed out: neither in flight nor cancelled.';
comment on column credits_monitoring.started_by_day.is_refunded is
'Whether it did not succeed and credits came back: a lower price of a success is no refund.';
comment on column credits_monitoring.started_by_day.cost_usd is
'US dollars that the provider billed, else those that were quoted; 0 where it bills nothing; '
'null = unknown.';
comment on column credits_monitoring.started_by_day.is_absorbed is
'Whether the platform bears the cost: billed, it did not succeed, and credits came back.';
comment on column credits_monitoring.started_by_day.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.started_by_day from public;
grant select on credits_monitoring.started_by_day to credits_analyst;
