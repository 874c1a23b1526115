-- Keep a callback whose task nobody has attached, in the inbox.
--
-- The task's row in provider_tasks is where this meets an attachment that comes at the same time:
-- whoever is first makes the row, and the other waits for that one's end. Where the attachment came
-- first, nothing is kept, and the row that is returned names the generation.

create or replace function credits_internal.keep_callback(
    p_provider text,
    p_provider_task_id text,
    p_code text,
    p_message text,
    p_cost_usd numeric,
    p_payload jsonb
)
returns credits.provider_tasks
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $keep_callback$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_callback_id constant uuid := credits_internal.uuid_v7(v_now);
    v_code constant text := left(credits_internal.trimmed(p_code), 500);
    v_task credits.provider_tasks;
    v_has_room boolean;
begin
    loop
        insert into credits.provider_tasks (provider, provider_task_id, created_at)
        values (p_provider, p_provider_task_id, v_now)
        on conflict do nothing;

        select t.*
        into v_task
        from credits.provider_tasks as t
        where
            t.provider = p_provider
            and t.provider_task_id = p_provider_task_id
        for no key update;

        -- Else purge_history has just taken the row away: make it anew.
        exit when found;
    end loop;

    if v_task.user_id is not null then
        return v_task;
    end if;

    -- So many are kept of one task.
    v_has_room := v_task.waiting_callbacks < 20;

    if v_has_room or credits_internal.make_room(p_provider, p_provider_task_id, v_code) then
        insert into credits.provider_callbacks (
            provider,
            provider_task_id,
            callback_id,
            received_at,
            cost_usd,
            code,
            message,
            payload,
            dropped
        )
        values (
            p_provider,
            p_provider_task_id,
            v_callback_id,
            v_now,
            credits_internal.known_usd(p_cost_usd),
            v_code,
            left(p_message, 1000),
            p_payload,
            case
                when not credits_internal.is_good_usd(p_cost_usd)
                    then array['p_cost_usd ' || left(p_cost_usd::text, 100)]
            end
        );
    end if;

    update credits.provider_tasks as t
    set
        waiting_callbacks = t.waiting_callbacks + v_has_room::integer,
        dropped_callbacks = t.dropped_callbacks + (not v_has_room)::integer
    where
        t.provider = p_provider
        and t.provider_task_id = p_provider_task_id;

    return v_task;
end
$keep_callback$;

comment on function credits_internal.keep_callback is
'Keep a callback until its task is attached; returns the task''s row, locked. Where that names a '
'user, the task has been attached meanwhile, and nothing was kept. Of each task twenty callbacks '
'are kept: for one that tells the outcome, or may, one that tells less is dropped, else the new '
'one.';

revoke all on function credits_internal.keep_callback from public;
