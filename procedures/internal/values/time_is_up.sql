-- For sweeps: whether they had better stop by themselves, before a timeout undoes what they did.
--
-- Inlined by the planner, as clock is, and by real time, also where a test replaces the clock.

create or replace function credits_internal.time_is_up(
    p_share double precision default 0.5
)
returns boolean
language sql
volatile
parallel safe
security invoker
as $time_is_up$
    select
        pg_catalog.current_setting('statement_timeout') <> '0'
        and pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp()
        > pg_catalog.current_setting('statement_timeout')::pg_catalog.interval * p_share
$time_is_up$;

comment on function credits_internal.time_is_up is
'Whether more than this share of the session''s statement_timeout has passed since its statement '
'began; false where there is no such timeout.';

revoke all on function credits_internal.time_is_up from public;
