-- How many users used the platform in each month, and how many were new.

create or replace view credits_monitoring.active_users_monthly as
with users as (
    select
        g.user_id,
        date_trunc('month', g.day)::date as month,
        min(g.day_starts_at) as starts_at,
        count(*) as generations,
        sum(g.credits_charged) as credits_charged
    from credits_monitoring.started_by_day as g
    group by
        date_trunc('month', g.day)::date,
        g.user_id
)

select
    u.month,
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
group by u.month;

comment on view credits_monitoring.active_users_monthly is
'One row per month of start in which anything was started. Months are those of the business '
'time zone.';
comment on column credits_monitoring.active_users_monthly.month is
'First day of the month of the start.';
comment on column credits_monitoring.active_users_monthly.active_users is
'Users who started any generation.';
comment on column credits_monitoring.active_users_monthly.new_users is
'Active users who had started none before that month.';
comment on column credits_monitoring.active_users_monthly.generations is 'Generations started.';
comment on column credits_monitoring.active_users_monthly.credits_charged is
'Credits charged for the generations.';

revoke all on credits_monitoring.active_users_monthly from public;
grant select on credits_monitoring.active_users_monthly to credits_analyst;
