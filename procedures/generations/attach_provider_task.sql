-- Note that the provider has a generation, and the provider's id of the task.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found, PT409 provider_task_conflict.

create or replace function credits.attach_provider_task(
    p_user_id uuid,
    p_generation_id uuid,
    p_provider_task_id text default null
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $attach_provider_task$
declare
    v_provider_task_id constant text := credits_internal.trimmed(p_provider_task_id);
    v_provider text;
    -- Null where the provider gives no task id.
    v_is_new boolean;
    v_generation credits.generations;
    v_result credits.generation_result;
begin
    if p_provider_task_id is not null then
        -- require_word costs as much as a small statement: call it only for what it will refuse.
        if not credits_internal.is_good_word(p_provider_task_id, 500) then
            perform credits_internal.require_word(
                'p_provider_task_id',
                p_provider_task_id,
                500,
                'Pass the provider''s id of the task.'
            );
        end if;

        select g.provider
        into v_provider
        from credits.generations as g
        where
            g.user_id = p_user_id
            and g.generation_id = p_generation_id;

        if found then
            v_is_new := credits_internal.map_task(
                p_user_id, p_generation_id, v_provider, v_provider_task_id
            );
        -- The generation is unknown, or its start is not committed yet. Going on without the
        -- task's row could miss a callback.
        elsif p_user_id is not null and p_generation_id is not null then
            perform credits_internal.refuse_generation(p_generation_id);
        end if;
    end if;

    v_generation := credits_internal.lock_generation(p_user_id, p_generation_id);

    -- A generation in flight has one task. Of a finished one, further tasks are noted: the
    -- provider may still bill each of them.
    if v_generation.finished_at is null
        and v_generation.provider_task_id <> v_provider_task_id
    then
        perform credits_internal.refuse(
            p_sqlstate => 'PT409',
            p_code => 'provider_task_conflict',
            p_message => 'this generation has another task at the provider',
            p_hint => 'Start a new generation for a new task: start_generation with p_retry_of.',
            p_figures => jsonb_build_object(
                'provider_task_id', v_provider_task_id,
                'attached', v_generation.provider_task_id
            )
        );
    end if;

    if not coalesce(v_is_new, v_generation.submitted_at is null) then
        v_result := credits_internal.generation_result(p_user_id, p_generation_id, false, true);
    else
        v_result := credits_internal.apply_event(
            p_generation => v_generation,
            p_event => 'submitted',
            p_provider_task_id => v_provider_task_id
        );
    end if;

    -- Callbacks seldom come before their task is attached: look before calling apply_waiting.
    if exists (
        select
        from credits.provider_callbacks as c
        where
            c.provider = v_generation.provider
            and c.provider_task_id = v_provider_task_id
    ) then
        perform credits_internal.apply_waiting(v_generation, v_provider_task_id);

        return credits_internal.generation_result(
            p_user_id, p_generation_id, v_result.applied, v_result.replayed
        );
    end if;

    return v_result;
end
$attach_provider_task$;

comment on function credits.attach_provider_task is
'Note that the provider has the generation, and the provider''s id of the task (null: it gives '
'none), so that its callbacks find the generation; callbacks that came before are applied at once. '
'The id is noted for a finished generation, too. Safe to repeat. Errors: PT422 invalid_argument, '
'PT404 generation_not_found, PT409 provider_task_conflict (the id belongs to another generation, '
'or this one has another id). Call it in FROM.';

revoke all on function credits.attach_provider_task from public;
grant execute on function credits.attach_provider_task to credits_app;
