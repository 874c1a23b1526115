-- Note which generation a provider's task belongs to.
--
-- Errors: PT409 provider_task_conflict.

create or replace function credits_internal.map_task(
    p_generation credits.generations,
    p_provider_task_id text
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $map_task$
declare
    v_mapped record;
begin
    if p_provider_task_id is null then
        return p_generation.submitted_at is null;
    end if;

    -- A generation in flight has one task. Of a finished one, further tasks are noted: the
    -- provider may still bill each of them.
    if p_generation.finished_at is null
        and p_generation.provider_task_id <> p_provider_task_id
    then
        perform credits_internal.refuse(
            p_sqlstate => 'PT409',
            p_code => 'provider_task_conflict',
            p_message => 'this generation has another task at the provider',
            p_hint => 'Start a new generation for a new task: start_generation with p_retry_of.',
            p_figures => jsonb_build_object(
                'provider_task_id', p_provider_task_id,
                'attached', p_generation.provider_task_id
            )
        );
    end if;

    insert into credits.provider_tasks (
        provider, provider_task_id, user_id, generation_id, created_at
    )
    values (
        p_generation.provider,
        p_provider_task_id,
        p_generation.user_id,
        p_generation.generation_id,
        credits_internal.clock()
    )
    on conflict do nothing;

    if found then
        return true;
    end if;

    select
        t.user_id,
        t.generation_id
    into v_mapped
    from credits.provider_tasks as t
    where
        t.provider = p_generation.provider
        and t.provider_task_id = p_provider_task_id;

    if v_mapped.user_id is distinct from p_generation.user_id
        or v_mapped.generation_id is distinct from p_generation.generation_id
    then
        perform credits_internal.refuse(
            p_sqlstate => 'PT409',
            p_code => 'provider_task_conflict',
            p_message => 'this task of the provider belongs to another generation',
            p_hint => 'Attach each task to the one generation that it was created for.',
            p_figures => jsonb_build_object('provider_task_id', p_provider_task_id)
        );
    end if;

    return false;
end
$map_task$;

comment on function credits_internal.map_task is
'Note the provider''s task of a locked generation, and return whether that is new. A null task id '
'says only that the provider has the generation.';

revoke all on function credits_internal.map_task from public;
