-- Who used the platform on each day.

create or replace view credits_monitoring.active_users_daily as
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
) as u;

comment on view credits_monitoring.active_users_daily is
'One row per day on which anything was started. Days in the business time zone.';
comment on column credits_monitoring.active_users_daily.day is 'Day of the start.';
comment on column credits_monitoring.active_users_daily.active_users is
'Users who started a generation.';
comment on column credits_monitoring.active_users_daily.new_users is
'Those of them who had never started one before.';
comment on column credits_monitoring.active_users_daily.generations is 'Generations started.';
comment on column credits_monitoring.active_users_daily.credits_charged is
'Credits charged for them.';

revoke all on credits_monitoring.active_users_daily from public;
grant select on credits_monitoring.active_users_daily to credits_analyst;
