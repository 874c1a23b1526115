-- What a task of an older system is to be charged here, what its user is owed of that, and how we
-- write its words.
--
-- What is owed follows refund_policies, as for a failure of today, less what came back in the older
-- system.

create or replace function credits_internal.judge_imported_task(
    p_task credits_internal.imported_task
)
returns credits_internal.imported_task
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $judge_imported_task$
declare
    v_task credits_internal.imported_task := p_task;
    v_kept constant bigint := greatest(0, p_task.credits_charged - p_task.credits_refunded);
begin
    -- Written as start_generation and attach_provider_task write them, so that callbacks find them.
    v_task.provider := coalesce(
        nullif(credits_internal.lower_case(credits_internal.trimmed(p_task.provider)), ''),
        'unknown'
    );
    v_task.provider_task_id := nullif(credits_internal.trimmed(p_task.provider_task_id), '');

    if p_task.error_type is not null then
        v_task.error_type := coalesce(
            nullif(credits_internal.lower_case(credits_internal.trimmed(p_task.error_type)), ''),
            'unknown'
        );
    end if;

    v_task.credits_to_charge := 0;
    v_task.credits_owed := 0;

    if p_task.finished_at is null then
        v_task.credits_to_charge := v_kept;
    elsif p_task.status <> 'succeeded' and v_kept > 0 then
        v_task.credits_owed := greatest(
            0,
            credits_internal.due_by_policy(p_task.credits_charged, v_task.error_type)
            - p_task.credits_refunded
        );

        if v_task.credits_owed > 0 then
            v_task.credits_to_charge := v_kept;
        end if;
    end if;

    return v_task;
end
$judge_imported_task$;

comment on function credits_internal.judge_imported_task is
'The same task, its words as pgcredits writes them, with credits_to_charge and credits_owed.';

revoke all on function credits_internal.judge_imported_task from public;
