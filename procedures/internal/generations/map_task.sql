-- Note which generation a provider's task belongs to.
--
-- The row of provider_tasks is where this meets a callback that comes at the same time: whoever is
-- first makes the row, and the other waits for that one's end. So it is called before the user's
-- row is locked, always: a callback locks the task before it knows any user. The row stays locked,
-- also where it was there already: callbacks of the task may be applied next.
--
-- Errors: PT409 provider_task_conflict.

create or replace function credits_internal.map_task(
    p_user_id uuid,
    p_generation_id uuid,
    p_provider text,
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
    v_now constant timestamptz := credits_internal.clock();
    v_mapped record;
begin
    loop
        insert into credits.provider_tasks (
            provider, provider_task_id, user_id, generation_id, created_at
        )
        values (p_provider, p_provider_task_id, p_user_id, p_generation_id, v_now)
        on conflict do nothing;

        if found then
            return true;
        end if;

        -- A callback of the task may have made the row, which is nobody's then.
        update credits.provider_tasks as t
        set
            user_id = p_user_id,
            generation_id = p_generation_id,
            created_at = v_now
        where
            t.provider = p_provider
            and t.provider_task_id = p_provider_task_id
            and t.user_id is null;

        if found then
            return true;
        end if;

        select
            t.user_id,
            t.generation_id
        into v_mapped
        from credits.provider_tasks as t
        where
            t.provider = p_provider
            and t.provider_task_id = p_provider_task_id
        for no key update;

        -- Else purge_history has just taken the row away: make it anew.
        exit when found;
    end loop;

    if v_mapped.user_id is distinct from p_user_id
        or v_mapped.generation_id is distinct from p_generation_id
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
'Note the provider''s task of a generation, before its user is locked, and return whether that is '
'new.';

revoke all on function credits_internal.map_task from public;
