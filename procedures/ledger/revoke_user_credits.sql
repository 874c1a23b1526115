-- Take back a grant (chargeback, fraud): what is left of it now, the rest when it comes back.
--
-- Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT404 transaction_not_found,
-- PT409 not_refundable, PT409 over_refund.

create or replace function credits.revoke_user_credits(
    p_user_id uuid,
    p_transaction_id uuid,
    p_credits bigint default null,
    p_reason text default null,
    p_idempotency_key text default null
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $revoke_user_credits$
declare
    v_user credits.user_credits;
    v_prior credits_internal.stored_request;
    v_grant credits.credit_transactions;
    v_revoked record;
    v_credits bigint;
    v_now timestamptz;
begin
    perform credits_internal.require_reversal(
        p_user_id, p_transaction_id, p_credits, p_reason, p_idempotency_key
    );

    v_user := credits_internal.lock_user(p_user_id);
    v_prior := credits_internal.find_request(
        p_user_id => p_user_id,
        p_has_keyed_revocations => v_user.has_keyed_revocations,
        p_idempotency_key => p_idempotency_key,
        p_transaction_type => 'revocation',
        p_target => p_transaction_id,
        p_credits => p_credits
    );

    if v_prior.credits is not null then
        return credits_internal.replayed_transaction(p_user_id, v_prior);
    end if;

    v_grant := credits_internal.get_transaction(p_user_id, p_transaction_id);

    if v_grant.transaction_type <> 'grant' then
        perform credits_internal.refuse(
            p_sqlstate => 'PT409',
            p_code => 'not_refundable',
            p_message => format('a %s cannot be revoked', v_grant.transaction_type),
            p_hint => 'Pass the transaction_id of a grant; to give back a deduction call '
                'refund_user_credits.',
            p_figures => jsonb_build_object('transaction_type', v_grant.transaction_type)
        );
    end if;

    select
        coalesce(sum(r.credits), 0)::bigint as credits,
        coalesce(sum(r.recovered_credits), 0)::bigint as recovered,
        (array_agg(r.transaction_id order by r.revocation_id desc))[1] as last_transaction_id
    into v_revoked
    from credits.revocations as r
    where
        r.user_id = p_user_id
        and r.grant_transaction_id = p_transaction_id;

    v_credits := coalesce(p_credits, v_grant.credits - v_revoked.credits);

    -- The grant was revoked in full before: not an error, but the same answer again.
    if v_credits = 0 then
        return credits_internal.replayed_transaction(
            p_user_id, row(v_revoked.last_transaction_id, -v_revoked.recovered)
        );
    end if;

    perform credits_internal.require_within(
        p_charged => v_grant.credits,
        p_refunded => v_revoked.credits,
        p_requested => v_credits
    );

    v_now := credits_internal.clock();

    return credits_internal.take_back_grant(
        p_user => credits_internal.expire_due_lots(p_user => v_user, p_now => v_now),
        p_now => v_now,
        p_grant => v_grant,
        p_credits => v_credits,
        p_requested_credits => p_credits,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key
    );
end
$revoke_user_credits$;

comment on function credits.revoke_user_credits is
'Take back a grant. p_credits: null = all not yet revoked; where nothing is left, the answer is '
'the latest revocation with the total recovered and replayed = true. What was spent already stays '
'owed: it is taken when it is refunded. transaction_id is null where nothing could be recovered. '
'Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT404 transaction_not_found, PT409 '
'not_refundable, PT409 over_refund. Call it in FROM.';

revoke all on function credits.revoke_user_credits from public;
grant execute on function credits.revoke_user_credits to credits_operator;
