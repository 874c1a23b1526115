-- The calendar month of a point in time, in the business time zone.

create or replace function credits_internal.month_of(
    p_at timestamptz
)
returns date
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $month_of$
    select date_trunc('month', p_at at time zone s.business_time_zone)::date
    from credits.settings as s
$month_of$;

comment on function credits_internal.month_of is
'The first day of the calendar month in the business time zone.';

revoke all on function credits_internal.month_of from public;
