-- Give a deduction back, whole or in part, never more than it took.
--
-- Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT404 transaction_not_found,
-- PT409 not_refundable, PT409 over_refund.

create or replace function credits.refund_user_credits(
    p_user_id uuid,
    p_transaction_id uuid,
    p_credits bigint default null,
    p_reason text default null,
    p_idempotency_key text default null
)
returns credits.refund_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $refund_user_credits$
declare
    v_user credits.user_credits;
    v_prior credits_internal.stored_request;
    v_charge credits.credit_transactions;
    v_generation_id uuid;
    v_generation credits.generations;
    v_refunded bigint;
    v_last_refund_id uuid;
    v_credits bigint;
    v_now timestamptz;
    v_at timestamptz;
    v_refund_id uuid;
begin
    perform credits_internal.require_reversal(
        p_user_id, p_transaction_id, p_credits, p_reason, p_idempotency_key
    );

    v_user := credits_internal.lock_user(p_user_id);
    v_prior := credits_internal.find_request(
        p_user_id => p_user_id,
        p_has_keyed_revocations => v_user.has_keyed_revocations,
        p_idempotency_key => p_idempotency_key,
        p_transaction_type => 'refund',
        p_target => p_transaction_id,
        p_credits => p_credits
    );

    if v_prior.credits is not null then
        return row(
            true,
            v_prior.credits,
            v_prior.transaction_id,
            credits_internal.spendable_credits(p_user_id),
            true
        );
    end if;

    v_charge := credits_internal.get_transaction(p_user_id, p_transaction_id);

    if v_charge.transaction_type <> 'deduction' then
        perform credits_internal.refuse(
            p_sqlstate => 'PT409',
            p_code => 'not_refundable',
            p_message => format('a %s cannot be refunded', v_charge.transaction_type),
            p_hint => 'Pass the transaction_id of a deduction; to take back a grant call '
                'revoke_user_credits.',
            p_figures => jsonb_build_object('transaction_type', v_charge.transaction_type)
        );
    end if;

    -- A deduction may also pay for a task of an older application, which it does not name.
    v_generation_id := coalesce(
        v_charge.generation_id,
        (
            select m.generation_id
            from credits.mirrored_tasks as m
            where
                m.user_id = p_user_id
                and m.charge_transaction_id = p_transaction_id
        )
    );

    if v_generation_id is not null then
        v_generation := credits_internal.lock_generation(p_user_id, v_generation_id);

        if v_generation.finished_at is null then
            perform credits_internal.refuse(
                p_sqlstate => 'PT409',
                p_code => 'not_refundable',
                p_message => 'the generation that this deduction paid for is in flight',
                p_hint => 'Call fail_generation or cancel_generation: they refund it.',
                p_figures => jsonb_build_object(
                    'generation_id', v_generation.generation_id,
                    'status', v_generation.status
                )
            );
        end if;
    end if;

    select
        r.refunded,
        r.last_refund_id
    into
        v_refunded,
        v_last_refund_id
    from credits.refund_totals as r
    where
        r.user_id = p_user_id
        and r.transaction_id = p_transaction_id;

    v_refunded := coalesce(v_refunded, 0);
    v_credits := coalesce(p_credits, -v_charge.credits - v_refunded);

    -- The deduction was refunded in full before: not an error, but the same answer again.
    if v_credits = 0 then
        return row(
            true,
            v_refunded,
            v_last_refund_id,
            credits_internal.spendable_credits(p_user_id),
            true
        );
    end if;

    perform credits_internal.require_within(
        p_charged => -v_charge.credits,
        p_refunded => v_refunded,
        p_requested => v_credits
    );

    v_now := credits_internal.clock();
    v_user := credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);
    v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
    v_refund_id := credits_internal.uuid_v7(v_at);
    v_user := credits_internal.pay_refund(
        p_user => v_user,
        p_charge => v_charge,
        p_transaction_id => v_refund_id,
        p_now => v_now,
        p_at => v_at,
        p_credits => v_credits,
        p_refunded => v_refunded,
        p_requested_credits => p_credits,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key
    );

    -- The generation's refund may have been listed as owed: strike it off.
    if v_generation.refund_owed_since is not null
        and v_generation.refund_due_credits <= v_refunded + v_credits
    then
        perform credits_internal.note_refund_paid(v_generation, v_credits);
    end if;

    return row(true, v_credits, v_refund_id, v_user.balance, false);
end
$refund_user_credits$;

comment on function credits.refund_user_credits is
'Give a deduction back to its user. p_credits: null = all that is left; where nothing is left, the '
'answer is the latest refund with the total so far and replayed = true. Credits return to their '
'lots, the last taken first; where a lot has expired, to a fresh one that lives as long as they '
'still had when they were taken, 24 hours at least and settings.refund_grace at most, or as the '
'rollover that its allowance would have had. '
'Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT404 transaction_not_found, PT409 '
'not_refundable, PT409 over_refund. Call it in FROM.';

revoke all on function credits.refund_user_credits from public;
grant execute on function credits.refund_user_credits to credits_app;
