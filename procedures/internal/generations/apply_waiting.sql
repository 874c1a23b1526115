-- Apply the callbacks of a task that came before anybody had attached it, in the order they came.
--
-- The task's row comes before the user's, which the caller holds already: unless the caller holds
-- the task's, too, it is not waited for. Whoever has it is about to apply them.

create or replace function credits_internal.apply_waiting(
    p_generation credits.generations,
    p_provider_task_id text
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $apply_waiting$
declare
    v_callback record;
    v_generation credits.generations;
    v_applied bigint := 0;
begin
    perform
    from credits.provider_tasks as t
    where
        t.provider = p_generation.provider
        and t.provider_task_id = p_provider_task_id
        and t.waiting_callbacks > 0
    for no key update skip locked;

    if not found then
        return 0;
    end if;

    for v_callback in
        with taken as (
            delete from credits.provider_callbacks as c
            where
                c.provider = p_generation.provider
                and c.provider_task_id = p_provider_task_id
            returning c.*
        )
        select t.*
        from taken as t
        order by t.callback_id
    loop
        -- Read the generation again: the callback before may have changed it.
        v_generation := credits_internal.lock_generation(
            p_generation.user_id, p_generation.generation_id
        );
        perform credits_internal.receive_callback(
            p_generation => v_generation,
            p_code => v_callback.code,
            p_message => v_callback.message,
            p_cost_usd => v_callback.cost_usd,
            p_payload => v_callback.payload,
            p_dropped => v_callback.dropped
        );
        v_applied := v_applied + 1;
    end loop;

    update credits.provider_tasks as t
    set
        waiting_callbacks = 0,
        tried_at = null
    where
        t.provider = p_generation.provider
        and t.provider_task_id = p_provider_task_id;

    return v_applied;
end
$apply_waiting$;

comment on function credits_internal.apply_waiting is
'Take a task''s waiting callbacks out of the inbox and apply them to its locked generation; '
'returns how many there were.';

revoke all on function credits_internal.apply_waiting from public;
