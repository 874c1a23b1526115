-- Keep two sessions from handling one task of a provider at once, known to us or not.
--
-- Inlined by the planner, since it stands in the money path.

create or replace function credits_internal.lock_task(
    p_provider text,
    p_provider_task_id text
)
returns void
language sql
volatile
parallel unsafe
security invoker
as $lock_task$
    select pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended(
            'pgcredits:task:' || p_provider || ':' || p_provider_task_id, 0
        )
    )
$lock_task$;

comment on function credits_internal.lock_task is
'Lock this provider''s task until the transaction ends; always called before any user''s row is '
'locked.';

revoke all on function credits_internal.lock_task from public;
