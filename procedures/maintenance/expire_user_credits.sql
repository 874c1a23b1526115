-- Write the expiries that are due, user by user.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.expire_user_credits(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $expire_user_credits$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_served integer := 0;
    v_user_id uuid;
    v_user credits.user_credits;
    v_result credits.sweep_result;
begin
    perform credits_internal.require_limit(p_limit);

    -- Read more users than p_limit, so that busy and failing users do not use up the limit.
    for v_user_id in
        select u.user_id
        from credits.user_credits as u
        where u.next_expiry_at <= v_now
        order by u.next_expiry_at
        limit p_limit + 1000::bigint
    loop
        exit when v_served = p_limit;

        v_result := (v_user_id, null, null, null)::credits.sweep_result;

        select u.*
        into v_user
        from credits.user_credits as u
        where
            u.user_id = v_user_id
            and u.next_expiry_at <= v_now
        for no key update skip locked;

        -- The user is busy, or was served meanwhile: the next sweep tries again.
        continue when not found;

        -- One user's failure must not keep the others waiting. The user's lock was taken before
        -- this block, and stays when the block is undone.
        begin
            select -sum(l.remaining)::bigint
            into v_result.credits
            from credits.credit_lots as l
            where
                l.user_id = v_user_id
                and not l.depleted
                and l.expires_at <= v_now;

            perform credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);
            v_served := v_served + 1;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others then
                v_result := credits_internal.failed_turn(
                    'expire_user_credits', v_user_id, null, sqlerrm
                );
        end;

        return next v_result;
    end loop;
end
$expire_user_credits$;

comment on function credits.expire_user_credits is
'Write the due expiries, and the rollover they bring, of up to so many users; busy users are left '
'for the next run. One row for each user: the credits that expired, negative as in the ledger, or '
'the error. Safe to run twice at once. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.expire_user_credits from public;
grant execute on function credits.expire_user_credits to credits_operator;
