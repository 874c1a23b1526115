-- Give the generations that a sweep is for their turns, so that no user stands in the others' way.
--
-- Whoever has waited longest comes first, but nobody gets more than a fair share of turns before
-- all others who wait have had theirs. Users at whom somebody is at work, and those whose turn
-- failed, are passed over for the rest of the call. A call that ends before it has seen all who
-- wait leaves in sweep_positions where it ended, and the next one goes on from there: what could
-- not be served comes again after all the others.
--
-- Errors: 40001, 40P01.

create or replace function credits_internal.sweep_generations(
    p_task text,
    p_limit integer
)
returns setof credits.owed_refund
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
-- A session keeps its plans: one that was made while refund_totals was empty would read the whole
-- table for each turn of a backlog.
set enable_seqscan = off
as $sweep_generations$
declare
    v_fair_share constant integer := 10;
    v_now constant timestamptz := credits_internal.clock();
    v_start constant credits.sweep_positions := row(
        p_task, '-infinity', credits_internal.nil_uuid(), v_now
    );
    v_position constant credits.sweep_positions := coalesce(
        (
            select p
            from credits.sweep_positions as p
            where
                p.task = p_task
                and p.due_at is not null
        ),
        v_start
    );
    v_ended_at credits.sweep_positions;
    v_after credits.sweep_positions;
    v_until timestamptz;
    v_turns uuid[] := '{}';
    v_passed uuid[] := '{}';
    v_had_their_share uuid[] := '{}';
    v_next record;
    v_generation credits.generations;
    v_result credits.owed_refund;
begin
    -- First from where the latest call ended to those who waited when its round began: whoever came
    -- later, also by a turn that failed, must not keep the round from ending. Then a new round from
    -- the start. What is left of the limit when all have had their share is for whoever has waited
    -- longest.
    <<rounds>>
    for v_round in 1 .. 3 loop
        v_after := case v_round when 1 then v_position else v_start end;
        v_until := case v_round when 1 then v_position.round_until else v_now end;

        continue when v_round = 2 and v_position.due_at = v_start.due_at;

        if v_round = 3 then
            v_had_their_share := '{}';
        end if;

        -- Read without a limit: rows are fetched as they are needed, and those of users who are
        -- passed over cost little. One of the two halves is for this task.
        for v_next in
            (
                select
                    g.user_id,
                    g.generation_id,
                    g.deadline_at as due_at
                from credits.generations as g
                where
                    p_task = 'sweep_stuck_generations'
                    and g.finished_at is null
                    and g.deadline_at <= v_until
                    and (g.deadline_at, g.user_id) > (v_after.due_at, v_after.user_id)
                order by
                    g.deadline_at,
                    g.user_id
            )
            union all
            (
                select
                    g.user_id,
                    g.generation_id,
                    coalesce(g.refund_tried_at, '-infinity') as due_at
                from credits.generations as g
                where
                    p_task in ('retry_failed_refunds', 'settle_owed_refunds')
                    and g.refund_owed_since is not null
                    and (p_task = 'settle_owed_refunds' or not g.owed_review)
                    and (coalesce(g.refund_tried_at, '-infinity'), g.user_id)
                    > (v_after.due_at, v_after.user_id)
                    and coalesce(g.refund_tried_at, '-infinity') <= v_until
                order by
                    coalesce(g.refund_tried_at, '-infinity'),
                    g.user_id
            )
        loop
            continue when v_next.user_id = any (v_passed)
                or v_next.user_id = any (v_had_their_share);

            v_generation := credits_internal.lock_idle_generation(
                v_next.user_id, v_next.generation_id
            );

            if v_generation.user_id is null then
                v_passed := v_passed || v_next.user_id;
                continue;
            end if;

            -- One user's failure must not keep the others waiting. The locks were taken before
            -- this block, and stay when the block is undone.
            begin
                v_result := case p_task
                    when 'sweep_stuck_generations'
                        then credits_internal.give_up(v_generation)
                    else credits_internal.pay_listed(v_generation)
                end;
            exception
                when serialization_failure or deadlock_detected then
                    raise;
                when others or query_canceled then
                    -- A turn that lasts until the timeout must not undo the others' turns, call by
                    -- call for ever. Whoever cancels by hand gets the error.
                    if sqlstate = '57014' and not credits_internal.time_is_up(0.9) then
                        raise;
                    end if;

                    perform credits_internal.failed_turn(
                        p_task, v_next.user_id, v_next.generation_id, sqlerrm
                    );
                    v_result := row(
                        v_next.user_id, v_next.generation_id, null, 0, sqlerrm
                    );
            end;

            -- Another session served it meanwhile.
            continue when v_result.user_id is null;

            return next v_result;
            v_turns := v_turns || v_next.user_id;

            if cardinality(v_turns) = p_limit or credits_internal.time_is_up() then
                v_ended_at := row(p_task, v_next.due_at, v_next.user_id, v_until);
                exit rounds;
            end if;

            if v_result.error is not null then
                v_passed := v_passed || v_next.user_id;
            elsif v_round < 3
                and cardinality(array_positions(v_turns, v_next.user_id)) = v_fair_share
            then
                v_had_their_share := v_had_their_share || v_next.user_id;
            end if;
        end loop;
    end loop;

    perform credits_internal.note_sweep_position(
        p_task, v_ended_at.due_at, v_ended_at.user_id, v_ended_at.round_until
    );
end
$sweep_generations$;

comment on function credits_internal.sweep_generations is
'Give up to so many of the generations that a sweep is for their turn: a row for each, with the '
'error where the turn failed. No user who is busy, broken or has many of them keeps the others '
'waiting.';

revoke all on function credits_internal.sweep_generations from public;
