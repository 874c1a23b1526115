-- Put a user on a plan.
--
-- Errors: PT422 invalid_argument, PT404 user_not_found, PT404 plan_not_found.

create or replace function credits.set_user_plan(
    p_user_id uuid,
    p_plan text
)
returns credits.user_balance
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $set_user_plan$
declare
    v_user credits.user_credits;
    v_now timestamptz;
    v_is_first_change boolean;
    v_next_allowance_at timestamptz;
begin
    perform credits_internal.require_user(p_user_id);
    v_user := credits_internal.lock_user(p_user_id, p_create_missing => true);

    if p_plan is not null
        and not exists (select from credits.plans as p where p.plan = p_plan)
    then
        perform credits_internal.refuse(
            p_sqlstate => 'PT404',
            p_code => 'plan_not_found',
            p_message => 'there is no such plan',
            p_hint => 'Pass a plan of credits.plans, or null to end the user''s plan.',
            p_figures => jsonb_build_object('plan', left(p_plan, 100))
        );
    end if;

    v_now := credits_internal.clock();

    -- Allowances of a month that has ended roll over by the plan that the user had in it.
    perform credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);

    -- What is refunded later of such a month rolls over by that plan, too.
    v_is_first_change := p_plan is distinct from v_user.plan
        and credits_internal.month_of(v_user.earlier_plan_until)
        is distinct from credits_internal.month_of(v_now);

    v_next_allowance_at := credits_internal.next_allowance_at(
        p_plan, v_user.allowance_month, v_user.allowance_credits, v_now
    );

    update credits.user_credits as u
    set
        plan = p_plan,
        next_allowance_at = v_next_allowance_at,
        next_due_at = credits_internal.next_due_at(p_user_id, v_next_allowance_at),
        earlier_plan = case when v_is_first_change then u.plan else u.earlier_plan end,
        earlier_plan_until = case
            when v_is_first_change then v_now
            else u.earlier_plan_until
        end,
        updated_at = v_now
    where u.user_id = p_user_id;

    return credits_internal.user_balance(p_user_id);
end
$set_user_plan$;

comment on function credits.set_user_plan is
'Put a user on a plan; null ends it. apply_allowances grants what the plan brings; a change of '
'plan takes nothing away, and a month that has ended rolls over by the old plan, what is refunded '
'of it later included. '
'Errors: PT422 invalid_argument, PT404 user_not_found, PT404 plan_not_found. Call it in FROM.';

revoke all on function credits.set_user_plan from public;
grant execute on function credits.set_user_plan to credits_app;
