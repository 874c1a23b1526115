-- Give up on generations whose deadline has passed, user by user, and refund them.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.sweep_stuck_generations(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $sweep_stuck_generations$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_served integer := 0;
    v_next record;
    v_generation credits.generations;
    v_result credits.generation_result;
begin
    perform credits_internal.require_limit(p_limit);

    -- Read more than p_limit, so that busy and failing users do not use up the limit.
    for v_next in
        select
            g.user_id,
            g.generation_id
        from credits.generations as g
        where
            g.finished_at is null
            and g.deadline_at <= v_now
        order by g.deadline_at
        limit p_limit + 1000::bigint
    loop
        exit when v_served = p_limit;

        -- The user is busy: the next sweep tries again.
        continue when not credits_internal.lock_idle_user(v_next.user_id);

        -- One user's failure must not keep the others waiting. The user's lock was taken before
        -- this block, and stays when the block is undone.
        begin
            v_generation := credits_internal.lock_generation(
                v_next.user_id, v_next.generation_id
            );

            -- A waiting callback may say what became of the generation: it counts first.
            if credits_internal.apply_waiting(v_generation, v_generation.provider_task_id) > 0 then
                v_generation := credits_internal.lock_generation(
                    v_next.user_id, v_next.generation_id
                );
            end if;

            continue when v_generation.finished_at is not null;

            v_result := credits_internal.apply_event(
                p_generation => v_generation,
                p_event => 'deadline',
                p_message => 'no answer came before the deadline'
            );
            v_served := v_served + 1;

            return next row(
                v_next.user_id,
                v_next.generation_id,
                v_result.credits_refunded,
                null
            )::credits.sweep_result;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others then
                return next credits_internal.failed_turn(
                    'sweep_stuck_generations',
                    v_next.user_id,
                    v_next.generation_id,
                    sqlerrm
                );
        end;
    end loop;
end
$sweep_stuck_generations$;

comment on function credits.sweep_stuck_generations is
'Settle up to so many generations whose deadline has passed as timed_out, and refund them by '
'policy; busy users are left for the next run. One row for each: the credits refunded, or the '
'error. Safe to run twice at once. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.sweep_stuck_generations from public;
grant execute on function credits.sweep_stuck_generations to credits_operator;
