-- Make room in the inbox for a callback that tells the outcome of its task.
--
-- However many reports of progress come first, the outcome is not lost.

create or replace function credits_internal.make_room(
    p_provider text,
    p_provider_task_id text,
    p_code text
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $make_room$
begin
    delete from credits.provider_callbacks as c
    where
        c.provider = p_provider
        and c.provider_task_id = p_provider_task_id
        and c.callback_id = (
            select w.callback_id
            from credits.provider_callbacks as w
            where
                w.provider = p_provider
                and w.provider_task_id = p_provider_task_id
                and not credits_internal.is_final_code(p_provider, w.code)
            order by w.callback_id
            limit 1
        )
        and credits_internal.is_final_code(p_provider, p_code);

    return found;
end
$make_room$;

comment on function credits_internal.make_room is
'For a callback that tells the outcome of its task, by its code, drop the oldest that waits for '
'the task and does not; returns whether there is room now. The task''s row is locked.';

revoke all on function credits_internal.make_room from public;
