-- Give back part of a deduction: to the same lots, last taken first given back.
--
-- The caller holds the user's lock, has written the due expiries, and has judged the amount.
--
-- Errors: PT422 invalid_argument where the balance would pass its limit.

create or replace function credits_internal.pay_refund(
    p_user credits.user_credits,
    p_charge credits.credit_transactions,
    p_transaction_id uuid,
    p_now timestamptz,
    p_at timestamptz,
    p_credits bigint,
    p_refunded bigint,
    p_requested_credits bigint default null,
    p_reason text default null,
    p_idempotency_key text default null
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $pay_refund$
declare
    v_user credits.user_credits;
    v_allocations jsonb;
begin
    v_allocations := credits_internal.give_back(
        p_user => p_user,
        p_charge => p_charge,
        p_transaction_id => p_transaction_id,
        p_now => p_now,
        p_at => p_at,
        p_credits => p_credits,
        p_refunded => p_refunded
    );

    v_user := credits_internal.write_entry(
        p_user => p_user,
        p_transaction_id => p_transaction_id,
        p_at => p_at,
        p_transaction_type => 'refund',
        p_allocations => v_allocations,
        p_credits => p_credits,
        p_requested_credits => p_requested_credits,
        p_refund_of => p_charge.transaction_id,
        p_generation_id => p_charge.generation_id,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key
    );

    insert into credits.refund_totals as r (
        user_id,
        transaction_id,
        charged,
        refunded,
        last_refund_id
    )
    values (
        p_charge.user_id,
        p_charge.transaction_id,
        -p_charge.credits,
        p_credits,
        p_transaction_id
    )
    on conflict (user_id, transaction_id) do update
    set
        refunded = r.refunded + excluded.refunded,
        last_refund_id = excluded.last_refund_id;

    if exists (
        select
        from credits.revocations as r
        where
            r.user_id = p_charge.user_id
            and r.owed_credits > 0
    ) then
        v_user := credits_internal.collect_owed(
            p_user => v_user,
            p_now => p_now,
            p_returned => v_allocations
        );
    end if;

    -- Credits that came back are expired at once where the grace period is over, too.
    return credits_internal.expire_due_lots(p_user => v_user, p_now => p_now);
end
$pay_refund$;

comment on function credits_internal.pay_refund is
'Refund so many credits of a deduction, of which p_refunded came back before, to a locked user: '
'lots, ledger row, total, and what an earlier revocation is still owed.';

revoke all on function credits_internal.pay_refund from public;
