-- Apply callbacks that wait in the inbox although their task is known by now.
--
-- Attaching a task applies its callbacks at once. This is for attachments that could not see them:
-- an older snapshot under REPEATABLE READ, an adoption, or a row of provider_tasks written by hand.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.apply_waiting_callbacks(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $apply_waiting_callbacks$
declare
    v_served integer := 0;
    v_next record;
    v_generation credits.generations;
    v_refunded bigint;
    v_result credits.generation_result;
begin
    perform credits_internal.require_limit(p_limit);

    -- Read more than p_limit, so that busy and failing users do not use up the limit.
    for v_next in
        select
            t.user_id,
            t.generation_id,
            t.provider_task_id
        from credits.provider_callbacks as c
        -- Look up the task of each callback by its key, since there are many tasks.
        cross join lateral (
            select p.*
            from credits.provider_tasks as p
            where
                p.provider = c.provider
                and p.provider_task_id = c.provider_task_id
                and p.user_id is not null
            offset 0
        ) as t
        group by
            t.user_id,
            t.generation_id,
            t.provider_task_id
        order by min(c.received_at)
        limit p_limit + 1000::bigint
    loop
        exit when v_served = p_limit;

        -- The user is busy: the next run tries again.
        continue when not credits_internal.lock_idle_user(v_next.user_id);

        -- One user's failure must not keep the others waiting. The user's lock was taken before
        -- this block, and stays when the block is undone.
        begin
            v_generation := credits_internal.lock_generation(
                v_next.user_id, v_next.generation_id
            );
            v_result := credits_internal.generation_result(
                v_next.user_id, v_next.generation_id, false, false
            );
            v_refunded := v_result.credits_refunded;

            -- Another session applied the callbacks meanwhile.
            continue when
                credits_internal.apply_waiting(v_generation, v_next.provider_task_id) = 0;

            v_result := credits_internal.generation_result(
                v_next.user_id, v_next.generation_id, true, false
            );
            v_served := v_served + 1;

            return next row(
                v_next.user_id,
                v_next.generation_id,
                v_result.credits_refunded - v_refunded,
                null
            )::credits.sweep_result;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others then
                return next credits_internal.failed_turn(
                    'apply_waiting_callbacks',
                    v_next.user_id,
                    v_next.generation_id,
                    sqlerrm
                );
        end;
    end loop;
end
$apply_waiting_callbacks$;

comment on function credits.apply_waiting_callbacks is
'Apply the callbacks that wait for a task which is attached by now, of up to so many generations; '
'busy users are left for the next run. One row for each: the credits refunded, or the error. Safe '
'to run twice at once. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.apply_waiting_callbacks from public;
grant execute on function credits.apply_waiting_callbacks to credits_operator;
