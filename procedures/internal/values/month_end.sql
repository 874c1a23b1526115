-- When the calendar month of a point in time ends, in the business time zone.

create or replace function credits_internal.month_end(
    p_at timestamptz
)
returns timestamptz
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $month_end$
    select
        (date_trunc('month', p_at at time zone s.business_time_zone) + interval '1 month')
        at time zone s.business_time_zone
    from credits.settings as s
$month_end$;

comment on function credits_internal.month_end is
'The first instant of the next calendar month in the business time zone.';

revoke all on function credits_internal.month_end from public;
