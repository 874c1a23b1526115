-- Refund what a finished generation still owes its user.
--
-- The caller holds the generation's lock. What is paid is what is due less what was refunded, so
-- that it comes back once, whoever calls this and however often.
--
-- Errors: whatever keeps the refund from being paid.

create or replace function credits_internal.pay_owed(
    p_generation credits.generations
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $pay_owed$
declare
    v_charge record;
    v_user credits.user_credits;
    v_credits bigint;
    v_now timestamptz;
    v_at timestamptz;
begin
    select
        t as entry,
        coalesce(r.refunded, 0) as refunded
    into strict v_charge
    from credits.credit_transactions as t
    left join credits.refund_totals as r
        on
            t.user_id = r.user_id
            and t.transaction_id = r.transaction_id
    where
        t.user_id = p_generation.user_id
        and t.transaction_id = p_generation.charge_transaction_id;

    v_credits := greatest(0, p_generation.refund_due_credits - v_charge.refunded);

    if v_credits > 0 then
        v_user := credits_internal.lock_user(p_generation.user_id);
        v_now := credits_internal.clock();
        v_user := credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);
        v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
        v_user := credits_internal.pay_refund(
            p_user => v_user,
            p_charge => v_charge.entry,
            p_transaction_id => credits_internal.uuid_v7(v_at),
            p_now => v_now,
            p_at => v_at,
            p_credits => v_credits,
            p_refunded => v_charge.refunded,
            p_reason => coalesce(p_generation.error_type, 'lower final price')
        );
    end if;

    if p_generation.refund_owed_since is not null then
        perform credits_internal.note_refund_paid(p_generation, v_credits);
    end if;

    return v_credits;
end
$pay_owed$;

comment on function credits_internal.pay_owed is
'Refund what a locked generation still owes, and return how much that was; raises where it cannot.';

revoke all on function credits_internal.pay_owed from public;
