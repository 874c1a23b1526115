-- A stuck generation's turn in sweep_stuck_generations: settle it as timed_out.
--
-- Errors: whatever keeps it from being settled.

create or replace function credits_internal.give_up(
    p_generation credits.generations
)
returns credits.owed_refund
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $give_up$
declare
    v_generation credits.generations := p_generation;
    v_result credits.generation_result;
begin
    -- A waiting callback may say what became of the generation: it counts first.
    if credits_internal.apply_waiting(v_generation, v_generation.provider_task_id) > 0 then
        v_generation := credits_internal.lock_generation(
            v_generation.user_id, v_generation.generation_id
        );
    end if;

    if v_generation.finished_at is not null then
        return null;
    end if;

    v_result := credits_internal.apply_event(
        p_generation => v_generation,
        p_event => 'deadline',
        p_message => 'no answer came before the deadline'
    );

    return row(
        v_generation.user_id,
        v_generation.generation_id,
        null,
        v_result.credits_refunded,
        null
    )::credits.owed_refund;
end
$give_up$;

comment on function credits_internal.give_up is
'Settle a locked generation whose deadline has passed, unless it has finished by now, also by a '
'callback that waits for it: null then. Returns what came back.';

revoke all on function credits_internal.give_up from public;
