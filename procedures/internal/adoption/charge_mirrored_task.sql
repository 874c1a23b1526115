-- Note which deduction paid for a task of an older application. Where the task has failed by then,
-- what the policy says comes back now.
--
-- The caller holds the user's lock.

create or replace function credits_internal.charge_mirrored_task(
    p_user_id uuid,
    p_generation_id uuid,
    p_charge_id uuid
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $charge_mirrored_task$
declare
    v_generation credits.generations := credits_internal.lock_generation(
        p_user_id, p_generation_id
    );
    v_credits bigint;
begin
    select -t.credits
    into strict v_credits
    from credits.credit_transactions as t
    where
        t.user_id = p_user_id
        and t.transaction_id = p_charge_id;

    update credits.mirrored_tasks as m
    set charge_transaction_id = p_charge_id
    where
        m.user_id = p_user_id
        and m.generation_id = p_generation_id;

    update credits.generations as g
    set
        charge_transaction_id = p_charge_id,
        credits_charged = v_credits,
        refund_due_credits = case
            when g.finished_at is null or g.status = 'succeeded' then 0
            -- The provider never had it.
            when g.error_type = 'user_cancelled' and g.submitted_at is null then v_credits
            else credits_internal.due_by_policy(v_credits, g.error_type)
        end
    where
        g.user_id = p_user_id
        and g.generation_id = p_generation_id
    returning g.* into strict v_generation;

    if v_generation.refund_due_credits > 0 then
        perform credits_internal.pay_or_owe(v_generation);
    end if;

    perform credits_internal.close_alert(
        p_user_id, 'mirrored_task_unpaid', p_generation_id::text
    );
end
$charge_mirrored_task$;

comment on function credits_internal.charge_mirrored_task is
'Note the deduction that paid for a task of an older application, and pay what is due of it.';

revoke all on function credits_internal.charge_mirrored_task from public;
