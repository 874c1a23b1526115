-- Make a generation of the task that an older application has just written, or tell its generation
-- what became of it.
--
-- The trigger's arguments: the query that makes an imported_task of the row $1, and after how many
-- days a task in flight counts as timed out. They come from the plan of the adoption.
--
-- Errors: 40001, 40P01.

create or replace function credits_internal.mirror_legacy_task()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $mirror_legacy_task$
declare
    v_task credits_internal.imported_task;
    v_before credits_internal.imported_task;
begin
    execute tg_argv[0] into v_task using new;

    if tg_op = 'UPDATE' then
        execute tg_argv[0] into v_before using old;
    end if;

    -- A task without a user is nobody's. One from before the cut-over that has not come over yet is
    -- read by adopt run as it stands then.
    if v_task.user_id is null
        or (
            tg_op = 'UPDATE'
            and not credits_internal.is_task_known(v_task, v_before.user_id)
        )
    then
        return null;
    end if;

    if v_task.status is null then
        raise exception using
            message = 'the plan does not say what its status means';
    end if;

    perform credits_internal.mirror_task(
        v_task, make_interval(days => tg_argv[1]::integer), v_before.user_id
    );

    return null;
exception
    when serialization_failure or deadlock_detected then
        raise;
    when others then
        -- The application's own statement goes through: somebody is told, and adopt run reads the
        -- task again.
        perform credits.raise_alert(
            p_type => 'task_not_mirrored',
            p_message => format(
                'a task in %I.%I could not be made a generation, and a failure of it is not '
                'refunded: %s',
                tg_table_schema,
                tg_table_name,
                left(sqlerrm, 500)
            ),
            p_dedup_key => format('%I.%I', tg_table_schema, tg_table_name),
            p_level => 'error',
            p_metadata => jsonb_build_object(
                'id', left(v_task.source_id, 200),
                'sqlstate', sqlstate
            )
        );

        return null;
end
$mirror_legacy_task$;

comment on function credits_internal.mirror_legacy_task is
'Trigger function of tables of tasks that stayed open after the cut-over: each task is a '
'generation here, and a failure of it is refunded. An error does not stop the write: it opens an '
'alert task_not_mirrored.';

revoke all on function credits_internal.mirror_legacy_task from public;
