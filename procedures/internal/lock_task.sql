-- Keep two sessions from handling one task of a provider at once, known to us or not.

create or replace function credits_internal.lock_task(
    p_provider text,
    p_provider_task_id text
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_task$
begin
    perform pg_advisory_xact_lock(
        hashtextextended('pgcredits:task:' || p_provider || ':' || p_provider_task_id, 0)
    );
end
$lock_task$;

comment on function credits_internal.lock_task is
'Hold this provider''s task until the transaction ends. Always before any user''s row.';

revoke all on function credits_internal.lock_task from public;
