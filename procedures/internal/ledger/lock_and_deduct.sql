-- Take credits from a user in every case but the usual one, which deduct serves: lock first, then
-- replay, expire, judge, burn and write.
--
-- Errors: PT409 idempotency_conflict, PT403 account_frozen, PT402 insufficient_credits.

create or replace function credits_internal.lock_and_deduct(
    p_user_id uuid,
    p_credits bigint,
    p_reason text,
    p_idempotency_key text,
    p_cost_usd numeric,
    p_metadata jsonb,
    p_generation_id uuid,
    p_is_expiring boolean default null
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_and_deduct$
declare
    v_user credits.user_credits;
    v_prior credits_internal.stored_request;
    v_now timestamptz;
    v_at timestamptz;
    v_transaction_id uuid;
    v_spendable bigint;
begin
    v_user := credits_internal.lock_user(p_user_id);
    v_prior := credits_internal.find_request(
        p_user_id => p_user_id,
        p_has_keyed_revocations => v_user.has_keyed_revocations,
        p_idempotency_key => p_idempotency_key,
        p_transaction_type => 'deduction',
        p_credits => p_credits
    );

    if v_prior.credits is not null then
        return credits_internal.replayed_transaction(p_user_id, v_prior);
    end if;

    v_now := credits_internal.clock();
    v_user := credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);

    if v_user.frozen_at is not null then
        perform credits_internal.refuse(
            p_sqlstate => 'PT403',
            p_code => 'account_frozen',
            p_message => 'this user may not spend credits',
            p_hint => 'Unfreeze the user with unfreeze_user_credits once the reason is settled.',
            p_figures => jsonb_build_object('reason', v_user.frozen_reason)
        );
    end if;

    v_spendable := v_user.balance;

    if p_is_expiring is not null then
        v_spendable := (
            select sum(b.remaining)
            from credits_internal.lots_in_burn_order(p_user_id => p_user_id) as b
            where p_is_expiring = (b.expires_at is not null)
        );
    end if;

    -- A user without a row has no credits.
    v_spendable := coalesce(v_spendable, 0);

    if v_spendable < p_credits then
        perform credits_internal.refuse(
            p_sqlstate => 'PT402',
            p_code => 'insufficient_credits',
            p_message => format(
                'the user has %s credits and needs %s', v_spendable, p_credits
            ),
            p_hint => 'Sell or grant the user more credits, then call again.',
            p_figures => jsonb_build_object(
                'balance', v_spendable,
                'required', p_credits
            )
        );
    end if;

    v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
    v_transaction_id := credits_internal.uuid_v7(v_at);
    v_user := credits_internal.write_entry(
        p_user => v_user,
        p_transaction_id => v_transaction_id,
        p_at => v_at,
        p_transaction_type => 'deduction',
        p_allocations => credits_internal.take_credits(
            p_user_id => p_user_id,
            p_credits => p_credits,
            p_is_expiring => p_is_expiring
        ),
        p_credits => -p_credits,
        p_requested_credits => p_credits,
        p_generation_id => p_generation_id,
        p_cost_usd => p_cost_usd,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key,
        p_metadata => p_metadata
    );

    return row(v_transaction_id, p_user_id, -p_credits, v_user.balance, false);
end
$lock_and_deduct$;

comment on function credits_internal.lock_and_deduct is
'What credits_internal.deduct does in every case but the usual one. p_is_expiring: only lots that '
'expire pay, or only those that never do; null = all.';

revoke all on function credits_internal.lock_and_deduct from public;
