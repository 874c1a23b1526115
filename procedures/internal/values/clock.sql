-- The one clock that everything here reads, so that tests and the demo can replace it.
--
-- Inlined by the planner: it costs nothing, and needs no search_path of its own.

create or replace function credits_internal.clock()
returns timestamptz
language sql
volatile
parallel safe
security invoker
as $clock$
    select pg_catalog.clock_timestamp()
$clock$;

comment on function credits_internal.clock is
'The server''s time now, as every function of pgcredits reads it.';

revoke all on function credits_internal.clock from public;
