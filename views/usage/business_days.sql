-- The days of the platform's history, and when each begins and ends, also where it has 23 or 25
-- hours.

create or replace view credits_monitoring.business_days as
with first_generation as (
    select min(g.created_at) as started_at
    from credits.generations as g
)

select
    d.day::date as day,
    d.day at time zone s.business_time_zone as starts_at,
    (d.day + interval '1 day') at time zone s.business_time_zone as ends_at
from credits.settings as s
cross join first_generation as f
cross join lateral generate_series(
    date_trunc(
        'day',
        least(s.history_starts_at, f.started_at) at time zone s.business_time_zone
    ),
    now() at time zone s.business_time_zone,
    interval '1 day'
) as d (day);

comment on view credits_monitoring.business_days is
'One row per day in the business time zone, from the installation, or the first generation '
'where that is older, to today. Join it by a range of time: a filter on day then reads only '
'that day.';
comment on column credits_monitoring.business_days.day is 'The day.';
comment on column credits_monitoring.business_days.starts_at is 'Its first moment.';
comment on column credits_monitoring.business_days.ends_at is 'The first moment of the next.';

revoke all on credits_monitoring.business_days from public;
grant select on credits_monitoring.business_days to credits_analyst;
