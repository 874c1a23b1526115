-- Who used the platform in each month.

create or replace view credits_monitoring.active_users_monthly as
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
) as u;

comment on view credits_monitoring.active_users_monthly is
'One row per month in which anything was started. Months in the business time zone.';
comment on column credits_monitoring.active_users_monthly.month is
'First day of the month of the start.';
comment on column credits_monitoring.active_users_monthly.active_users is
'Users who started a generation.';
comment on column credits_monitoring.active_users_monthly.new_users is
'Those of them who had never started one before.';
comment on column credits_monitoring.active_users_monthly.generations is 'Generations started.';
comment on column credits_monitoring.active_users_monthly.credits_charged is
'Credits charged for them.';

revoke all on credits_monitoring.active_users_monthly from public;
grant select on credits_monitoring.active_users_monthly to credits_analyst;
