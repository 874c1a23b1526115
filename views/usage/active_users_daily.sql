-- How many users used the platform on each day, and how many were new.

create or replace view credits_monitoring.active_users_daily as
with users as (
    select
        g.user_id,
        g.day,
        min(g.day_starts_at) as starts_at,
        count(*) as generations,
        sum(g.credits_charged) as credits_charged
    from credits_monitoring.started_by_day as g
    group by
        g.day,
        g.user_id
)

select
    u.day,
    count(*) as active_users,
    -- Looked up for each user: one earlier generation is enough to know.
    count(*) filter (
        where not exists (
            select
            from credits.generations as e
            where
                e.user_id = u.user_id
                and e.created_at < u.starts_at
        )
    ) as new_users,
    sum(u.generations)::bigint as generations,
    sum(u.credits_charged)::bigint as credits_charged
from users as u
group by u.day;

comment on view credits_monitoring.active_users_daily is
'One row per day of start in which anything was started. Days are those of the business time '
'zone.';
comment on column credits_monitoring.active_users_daily.day is 'Day of the start.';
comment on column credits_monitoring.active_users_daily.active_users is
'Users who started any generation.';
comment on column credits_monitoring.active_users_daily.new_users is
'Active users who had started none before that day.';
comment on column credits_monitoring.active_users_daily.generations is 'Generations started.';
comment on column credits_monitoring.active_users_daily.credits_charged is
'Credits charged for the generations.';

revoke all on credits_monitoring.active_users_daily from public;
grant select on credits_monitoring.active_users_daily to credits_analyst;
