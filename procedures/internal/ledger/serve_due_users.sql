-- What expire_user_credits and apply_allowances do: one turn for each user who is due.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits_internal.serve_due_users(
    p_task text,
    p_limit integer
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $serve_due_users$
declare
    v_is_allowance constant boolean := p_task = 'apply_allowances';
    v_now constant timestamptz := credits_internal.clock();
    v_turns integer := 0;
    v_due record;
    v_last_due_at timestamptz;
    v_last_user_id uuid;
    v_round_until timestamptz;
    v_user credits.user_credits;
    v_after credits.user_credits;
    v_result credits.sweep_result;
begin
    perform credits_internal.require_limit(p_limit);

    for v_due in
        select
            d.user_id,
            d.next_due_at,
            d.round_until,
            case
                when v_is_allowance then d.next_allowance_at <= v_now
                else credits_internal.due_expiry(d.user_id, v_now) is not null
            end as is_due
        from credits_internal.due_users(
            p_task => p_task,
            p_now => v_now,
            p_limit => p_limit
        ) as d
    loop
        v_last_due_at := v_due.next_due_at;
        v_last_user_id := v_due.user_id;
        v_round_until := v_due.round_until;

        continue when v_due.is_due is not true;

        select u.*
        into v_user
        from credits.user_credits as u
        where
            u.user_id = v_due.user_id
            and u.next_due_at <= v_now
            and (not v_is_allowance or u.next_allowance_at <= v_now)
        for no key update skip locked;

        -- The user is busy, or was served meanwhile: a later call tries again.
        continue when not found;

        v_result := (v_due.user_id, null, null, null)::credits.sweep_result;

        -- One user's failure must not keep the others waiting. The user's lock was taken before
        -- this block, and stays when the block is undone.
        begin
            if v_is_allowance then
                v_after := credits_internal.grant_allowance(p_user => v_user, p_now => v_now);
                v_result.credits := nullif(
                    v_after.allowance_credits - case
                        when v_after.allowance_month = v_user.allowance_month
                            then v_user.allowance_credits
                        else 0
                    end,
                    0
                );
            else
                v_result.credits := credits_internal.due_expiry(v_due.user_id, v_now);
                perform credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);
            end if;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others or query_canceled then
                -- A turn that lasts until the timeout must not undo the other users' turns, call
                -- by call for ever. Whoever cancels by hand gets the error.
                if sqlstate = '57014' and not credits_internal.time_is_up(0.9) then
                    raise;
                end if;

                v_result := credits_internal.failed_turn(p_task, v_due.user_id, null, sqlerrm);
        end;

        -- Nothing was due after all, e.g. since the plan has been made smaller.
        continue when v_result.credits is null and v_result.error is null;

        return next v_result;
        v_turns := v_turns + 1;
        exit when v_turns = p_limit or credits_internal.time_is_up();
    end loop;

    -- The next call goes on behind the user whom this one looked at last.
    if v_last_user_id is not null then
        perform credits_internal.note_sweep_position(
            p_task, v_last_due_at, v_last_user_id, v_round_until
        );
    end if;
end
$serve_due_users$;

comment on function credits_internal.serve_due_users is
'Serve up to so many users who are due, those whose turn fails counted; a row for each, as '
'expire_user_credits and apply_allowances return it.';

revoke all on function credits_internal.serve_due_users from public;
