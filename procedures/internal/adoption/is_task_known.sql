-- Whether a task of an older application is a generation, or was written after all had come over.

create or replace function credits_internal.is_task_known(
    p_task credits_internal.imported_task,
    p_user_before uuid
)
returns boolean
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $is_task_known$
    select
        exists (
            select
            from credits.imported_tables as t
            where
                t.source_table = p_task.source_table
                and t.role = 'tasks'
                and t.copied_at is not null
        )
        or exists (
            select
            from credits.generations as g
            where
                g.user_id in (p_task.user_id, p_user_before)
                and g.generation_id = p_task.generation_id
        )
$is_task_known$;

comment on function credits_internal.is_task_known is
'False for a task from before the cut-over that adopt run has not made a generation of yet.';

revoke all on function credits_internal.is_task_known from public;
