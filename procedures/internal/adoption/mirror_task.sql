-- Make a generation of a task that an older application has written, unless it is one, and tell it
-- what the task says of itself: that the provider has it, or how it ended.
--
-- Who paid is whom the task named first: a task that is given to another user later is still
-- refunded to that one.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits_internal.mirror_task(
    p_task credits_internal.imported_task,
    p_stuck_after interval,
    p_user_before uuid default null
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $mirror_task$
declare
    v_task credits_internal.imported_task := credits_internal.judge_imported_task(p_task);
    v_generation credits.generations;
begin
    v_task.user_id := credits_internal.payer_of_task(v_task, p_user_before);

    -- The provider's task comes before the user, as in attach_provider_task. Two tasks may name the
    -- same one: the first keeps it.
    if v_task.provider_task_id is not null then
        begin
            perform credits_internal.map_task(
                v_task.user_id,
                v_task.generation_id,
                coalesce(
                    (
                        select g.provider
                        from credits.generations as g
                        where
                            g.user_id = v_task.user_id
                            and g.generation_id = v_task.generation_id
                    ),
                    v_task.provider
                ),
                v_task.provider_task_id
            );
        exception
            when sqlstate 'PT409' then
                v_task.provider_task_id := null;
        end;
    end if;

    perform credits_internal.lock_user(
        v_task.user_id, p_create_missing => true, p_require_registered => false
    );
    perform credits_internal.start_mirrored_task(v_task, p_stuck_after);
    perform credits_internal.find_charge_of_task(
        v_task.user_id, v_task.generation_id, v_task.finished_at is not null
    );

    v_generation := credits_internal.lock_generation(v_task.user_id, v_task.generation_id);

    if v_generation.finished_at is null
        and (
            (v_task.status = 'processing' and v_generation.status = 'pending')
            or (v_task.provider_task_id is not null and v_generation.provider_task_id is null)
        )
    then
        perform credits_internal.apply_event(
            p_generation => v_generation,
            p_event => 'submitted',
            p_provider_task_id => v_task.provider_task_id
        );
        v_generation := credits_internal.lock_generation(v_task.user_id, v_task.generation_id);

        if credits_internal.apply_waiting(v_generation, v_task.provider_task_id) > 0 then
            v_generation := credits_internal.lock_generation(
                v_task.user_id, v_task.generation_id
            );
        end if;
    end if;

    if v_task.status not in ('pending', 'processing') and v_task.status <> v_generation.status then
        perform credits_internal.apply_event(
            p_generation => v_generation,
            p_event => case
                when v_task.status = 'succeeded' then 'success'
                when v_task.status = 'cancelled' then 'cancel'
                when v_task.status = 'timed_out' and v_generation.finished_at is null
                    then 'deadline'
                else 'failure'
            end,
            p_error_type => v_task.error_type,
            p_message => v_task.error_message,
            p_cost_usd => v_task.cost_usd
        );
        perform credits_internal.alert_on_task(v_task.user_id, v_task.generation_id);
    end if;
end
$mirror_task$;

comment on function credits_internal.mirror_task is
'Make or continue the generation of a task that an older application writes. Of a failure that '
'comes back which refund_policies say, once, of the deduction that paid for the task. Safe to '
'repeat. Errors: PT422 invalid_argument.';

revoke all on function credits_internal.mirror_task from public;
