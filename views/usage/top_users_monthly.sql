-- Who spent most in each month.

create or replace view credits_monitoring.top_users_monthly as
select
    u.month,
    u.user_id,
    u.generations,
    u.credits_net,
    u.cost_usd,
    rank() over (partition by u.month order by u.credits_net desc) as rank,
    u.external_user_id
from credits_monitoring.user_costs_monthly as u;

comment on view credits_monitoring.top_users_monthly is
'One row per month of start and user, all of them: filter by rank. Months are those of the '
'business time zone.';
comment on column credits_monitoring.top_users_monthly.month is
'First day of the month of the start.';
comment on column credits_monitoring.top_users_monthly.user_id is 'The user.';
comment on column credits_monitoring.top_users_monthly.generations is 'Generations started.';
comment on column credits_monitoring.top_users_monthly.credits_net is
'Credits that they cost the user until now.';
comment on column credits_monitoring.top_users_monthly.cost_usd is
'US dollars that providers bill for these generations, as far as known; null = none is '
'known.';
comment on column credits_monitoring.top_users_monthly.rank is
'1 = the user who spent most credits in this month.';
comment on column credits_monitoring.top_users_monthly.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.top_users_monthly from public;
grant select on credits_monitoring.top_users_monthly to credits_analyst;
