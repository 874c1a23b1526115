-- When the rollover of an allowance ends: with the month that follows the allowance's own.

create or replace function credits_internal.rollover_end(
    p_ended_at timestamptz
)
returns timestamptz
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $rollover_end$
    -- Two days after the allowance ended, the next month has begun in any time zone: the business
    -- time zone may have changed since.
    select credits_internal.month_end(p_ended_at + interval '48 hours')
$rollover_end$;

comment on function credits_internal.rollover_end is
'Until when unused credits of an allowance that ended at this time live on: to the end of the '
'month that follows.';

revoke all on function credits_internal.rollover_end from public;
