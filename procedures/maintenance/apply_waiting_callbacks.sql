-- Apply callbacks that wait in the inbox although their task is known by now.
--
-- Attaching a task applies its callbacks at once. This is for attachments that do not: an adoption,
-- or a row of provider_tasks that somebody edited.
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
    v_turns integer := 0;
    -- Users who are busy, or whose turn failed: the rest of theirs is left for the next run.
    v_passed uuid[] := '{}';
    v_next record;
    v_generation credits.generations;
    v_refunded bigint;
    v_result credits.generation_result;
begin
    perform credits_internal.require_limit(p_limit);

    -- Ten of each user come before any user's next ten, and what failed before comes last.
    for v_next in
        select
            t.user_id,
            t.generation_id,
            t.provider,
            t.provider_task_id
        from (
            select
                p.*,
                row_number() over (
                    partition by p.user_id
                    order by p.tried_at nulls first, p.created_at
                ) as turn
            from credits.provider_tasks as p
            where
                p.user_id is not null
                and p.waiting_callbacks > 0
        ) as t
        order by
            t.tried_at nulls first,
            ceil(t.turn / 10.0),
            t.created_at
    loop
        exit when v_turns = p_limit or credits_internal.time_is_up();

        continue when v_next.user_id = any (v_passed);

        -- The user or the task is busy: nobody is waited for.
        if credits_internal.lock_idle_user(v_next.user_id) then
            perform
            from credits.provider_tasks as t
            where
                t.provider = v_next.provider
                and t.provider_task_id = v_next.provider_task_id
                -- Else another session applied the callbacks meanwhile.
                and t.waiting_callbacks > 0
            for no key update skip locked;

            continue when not found;
        else
            v_passed := v_passed || v_next.user_id;
            continue;
        end if;

        v_turns := v_turns + 1;

        -- One user's failure must not keep the others waiting. The locks were taken before this
        -- block, and stay when the block is undone.
        begin
            v_generation := credits_internal.lock_generation(
                v_next.user_id, v_next.generation_id
            );
            v_result := credits_internal.generation_result(
                v_next.user_id, v_next.generation_id, false, false
            );
            v_refunded := v_result.credits_refunded;

            continue when
                credits_internal.apply_waiting(v_generation, v_next.provider_task_id) = 0;

            v_result := credits_internal.generation_result(
                v_next.user_id, v_next.generation_id, true, false
            );

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
                v_passed := v_passed || v_next.user_id;

                update credits.provider_tasks as t
                set tried_at = credits_internal.clock()
                where
                    t.provider = v_next.provider
                    and t.provider_task_id = v_next.provider_task_id;

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
'Apply the callbacks that wait for a task which is attached by now, of up to so many tasks; busy '
'users are left for the next run, and so is what is left when half of statement_timeout has '
'passed. One row for each task: the credits refunded, or the error. Safe to run twice at once. '
'Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.apply_waiting_callbacks from public;
grant execute on function credits.apply_waiting_callbacks to credits_operator;
