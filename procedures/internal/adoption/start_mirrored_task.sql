-- Begin the generation of a task that an older application has written, unless there is one.
--
-- It has no charge yet: find_charge_of_task looks for the deduction that paid. The caller holds the
-- user's lock.

create or replace function credits_internal.start_mirrored_task(
    p_task credits_internal.imported_task,
    p_stuck_after interval
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $start_mirrored_task$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_credits bigint;
begin
    insert into credits.generations (
        user_id,
        generation_id,
        credits_charged,
        created_at,
        deadline_at,
        last_event_no,
        provider,
        generation_type,
        metadata
    )
    values (
        p_task.user_id,
        p_task.generation_id,
        0,
        least(p_task.created_at, v_now),
        v_now + p_stuck_after,
        1,
        p_task.provider,
        p_task.generation_type,
        jsonb_build_object(
            'mirrored', jsonb_build_object('table', p_task.source_table, 'id', p_task.source_id)
        )
    )
    on conflict (user_id, generation_id) do nothing;

    if found then
        v_credits := p_task.credits_charged;

        insert into credits.generation_events (
            user_id,
            generation_id,
            event_no,
            event,
            applied,
            is_callback,
            created_at,
            credits,
            code,
            payload
        )
        values (
            p_task.user_id,
            p_task.generation_id,
            1,
            'started',
            true,
            false,
            v_now,
            v_credits,
            'mirrored',
            '{}'
        );
    end if;

    -- A task's price may be known only later: until its deduction is found, the latest counts.
    insert into credits.mirrored_tasks as m (
        user_id,
        generation_id,
        credits,
        mirrored_at,
        source_table,
        source_id
    )
    values (
        p_task.user_id,
        p_task.generation_id,
        v_credits,
        v_now,
        p_task.source_table,
        p_task.source_id
    )
    on conflict (user_id, generation_id) do update
    set credits = p_task.credits_charged
    where
        m.charge_transaction_id is null
        and m.credits is not null;
end
$start_mirrored_task$;

comment on function credits_internal.start_mirrored_task is
'Begin the generation of a task of an older application, without a charge. Safe to repeat.';

revoke all on function credits_internal.start_mirrored_task from public;
