-- The months since anything was started first, and when they begin and end.

create or replace view credits_monitoring.business_months as
select
    m.month::date as month,
    m.month at time zone s.business_time_zone as starts_at,
    (m.month + interval '1 month') at time zone s.business_time_zone as ends_at
from credits.settings as s
cross join lateral generate_series(
    (
        select date_trunc('month', min(g.created_at) at time zone s.business_time_zone)
        from credits.generations as g
    ),
    now() at time zone s.business_time_zone,
    interval '1 month'
) as m (month);

comment on view credits_monitoring.business_months is
'One row per month in the business time zone, from the first generation''s to this one.';
comment on column credits_monitoring.business_months.month is 'First day of the month.';
comment on column credits_monitoring.business_months.starts_at is 'Its first moment.';
comment on column credits_monitoring.business_months.ends_at is 'The first moment of the next.';

revoke all on credits_monitoring.business_months from public;
grant select on credits_monitoring.business_months to credits_analyst;
