-- Grant what users' plans bring this month, user by user.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.apply_monthly_allowances(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $apply_monthly_allowances$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_month_end constant timestamptz := credits_internal.month_end(v_now);
    v_month constant date := credits_internal.month_of(v_now);
    v_served integer := 0;
    v_user_id uuid;
    v_user credits.user_credits;
    v_result credits.sweep_result;
begin
    perform credits_internal.require_limit(p_limit);

    -- Read more users than p_limit, so that busy and failing users do not use up the limit.
    for v_user_id in
        select u.user_id
        from credits.plans as p
        cross join lateral (
            (
                select m.user_id
                from credits.user_credits as m
                where
                    m.plan = p.plan
                    and m.allowance_month < v_month
                limit p_limit + 1000::bigint
            )
            union all
            (
                -- Users who moved to a larger plan this month.
                select m.user_id
                from credits.user_credits as m
                where
                    m.plan = p.plan
                    and m.allowance_month = v_month
                    and m.allowance_credits < p.monthly_credits
                limit p_limit + 1000::bigint
            )
        ) as u
        where p.monthly_credits > 0
        limit p_limit + 1000::bigint
    loop
        exit when v_served = p_limit;

        v_result := (v_user_id, null, null, null)::credits.sweep_result;

        select u.*
        into v_user
        from credits.user_credits as u
        where u.user_id = v_user_id
        for no key update skip locked;

        -- The user is busy: the next run tries again.
        continue when not found;

        -- One user's failure must not keep the others waiting. The user's lock was taken before
        -- this block, and stays when the block is undone.
        begin
            v_result.credits := credits_internal.grant_allowance(
                p_user => v_user,
                p_now => v_now,
                p_month => v_month,
                p_month_end => v_month_end
            );

            -- The user was served meanwhile, or moved to a smaller plan.
            continue when v_result.credits is null;

            v_served := v_served + 1;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others then
                v_result := credits_internal.failed_turn(
                    'apply_monthly_allowances', v_user_id, null, sqlerrm
                );
        end;

        return next v_result;
    end loop;
end
$apply_monthly_allowances$;

comment on function credits.apply_monthly_allowances is
'Grant up to so many users what their plan brings in this calendar month of the business time '
'zone; busy users are left for the next run. The credits expire at the month''s end. An upgrade '
'brings the difference, a downgrade takes nothing back, missed months are not made up. One row for '
'each user: the credits granted, or the error. Safe to run twice at once. '
'Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.apply_monthly_allowances from public;
grant execute on function credits.apply_monthly_allowances to credits_operator;
