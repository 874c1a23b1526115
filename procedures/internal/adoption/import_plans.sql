-- Put users of an older system on plans.
--
-- A user who got this month's credits in the older system gets the next ones here next month. A
-- user whose credits were still to come this month gets them here, at the next maintenance.

create or replace function credits_internal.import_plans(
    p_users uuid[],
    p_plans text[],
    p_next_resets timestamptz[]
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $import_plans$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_imported bigint;
begin
    insert into credits.user_credits as u (
        user_id,
        plan,
        allowance_month,
        allowance_credits,
        next_allowance_at,
        next_due_at,
        low_balance_threshold,
        created_at,
        updated_at
    )
    select distinct on (i.user_id)
        i.user_id,
        p.plan,
        case
            when n.next_allowance_at > v_now then credits_internal.month_of(v_now)
            else '1970-01-01'
        end,
        p.monthly_credits,
        n.next_allowance_at,
        n.next_allowance_at,
        s.default_low_balance_threshold,
        v_now,
        v_now
    from unnest(p_users, p_plans, p_next_resets) as i (user_id, plan, next_reset_at)
    inner join credits.plans as p on i.plan = p.plan
    cross join credits.settings as s
    cross join lateral (
        select
            case
                when credits_internal.month_of(i.next_reset_at) > credits_internal.month_of(v_now)
                    then credits_internal.month_end(v_now)
                else v_now
            end as next_allowance_at
    ) as n
    -- Several users are locked: always in the order of their ids, so that nothing deadlocks.
    order by i.user_id, p.monthly_credits desc
    on conflict (user_id) do update
    set
        plan = excluded.plan,
        allowance_month = excluded.allowance_month,
        allowance_credits = excluded.allowance_credits,
        next_allowance_at = excluded.next_allowance_at,
        next_due_at = least(u.next_due_at, excluded.next_due_at),
        updated_at = excluded.updated_at
    -- A plan that the user has here already stays: somebody chose it.
    where u.plan is null;

    get diagnostics v_imported = row_count;

    return v_imported;
end
$import_plans$;

comment on function credits_internal.import_plans is
'Put each of these users on the plan at the same position of p_plans, and return how many were. '
'p_next_resets: when the older system would have given the next credits; apply_allowances '
'gives them if that is this month. A user who has a plan keeps it. Safe to repeat.';

revoke all on function credits_internal.import_plans from public;
