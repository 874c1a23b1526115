-- The months of the platform's history, and when they begin and end.

create or replace view credits_monitoring.business_months as
with first_generation as (
    select min(g.created_at) as started_at
    from credits.generations as g
)

select
    d.month::date as month,
    d.month at time zone s.business_time_zone as starts_at,
    (d.month + interval '1 month') at time zone s.business_time_zone as ends_at
from credits.settings as s
cross join first_generation as f
cross join lateral generate_series(
    date_trunc(
        'month',
        least(s.history_starts_at, f.started_at) at time zone s.business_time_zone
    ),
    now() at time zone s.business_time_zone,
    interval '1 month'
) as d (month);

comment on view credits_monitoring.business_months is
'One row per month in the business time zone, from the installation, or the first generation '
'where that is older, to today''s. Join it by a range of time: a filter on month then reads only '
'that month.';
comment on column credits_monitoring.business_months.month is 'First day of the month.';
comment on column credits_monitoring.business_months.starts_at is 'Its first moment.';
comment on column credits_monitoring.business_months.ends_at is 'The first moment of the next.';

revoke all on credits_monitoring.business_months from public;
grant select on credits_monitoring.business_months to credits_analyst;
