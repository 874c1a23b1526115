-- Who pays for a task of an older application: the user whom it named first.

create or replace function credits_internal.payer_of_task(
    p_task credits_internal.imported_task,
    p_user_before uuid
)
returns uuid
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $payer_of_task$
    select coalesce(
        (
            select m.user_id
            from credits.mirrored_tasks as m
            where
                m.source_table = p_task.source_table
                and m.source_id = p_task.source_id
            order by m.mirrored_at
            limit 1
        ),
        -- Of a task that came over no row is kept before its first change.
        (
            select g.user_id
            from credits.generations as g
            where
                g.user_id = p_user_before
                and g.generation_id = p_task.generation_id
        ),
        p_task.user_id
    )
$payer_of_task$;

comment on function credits_internal.payer_of_task is
'The user whom a task of an older application named first. p_user_before: whom it named before it '
'was last changed.';

revoke all on function credits_internal.payer_of_task from public;
