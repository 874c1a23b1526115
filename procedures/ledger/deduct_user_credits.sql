-- Take credits from a user: the hot path of everything.
--
-- Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT403 account_frozen,
-- PT402 insufficient_credits.

create or replace function credits.deduct_user_credits(
    p_user_id uuid,
    p_credits bigint,
    p_reason text default null,
    p_idempotency_key text default null,
    p_cost_usd numeric default null,
    p_metadata jsonb default '{}'
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $deduct_user_credits$
declare
    v_metadata constant jsonb := coalesce(p_metadata, '{}');
    v_cost_usd numeric(18, 6);
    v_digest bytea;
    v_at timestamptz;
    v_transaction_id uuid;
    v_user record;
begin
    -- Each of these calls costs as much as a small statement: one expression lets every good call
    -- pass, and whatever it stops is judged by them.
    if p_user_id is null
        or p_credits is null
        or p_credits not between 1 and 1000000000000
        or p_cost_usd not between 0 and 999999999
        or length(p_reason) > 1000
        or length(p_idempotency_key) not between 1 and 200
        or starts_with(p_idempotency_key, 'pgcredits:')
        or jsonb_typeof(v_metadata) <> 'object'
        or octet_length(v_metadata::text) > 16384
    then
        perform credits_internal.require_user(p_user_id);
        perform credits_internal.require_credits(p_credits);
        perform credits_internal.require_usd('p_cost_usd', p_cost_usd);
        perform credits_internal.require_reason(p_reason);
        perform credits_internal.require_key(p_idempotency_key);
        perform credits_internal.require_metadata(p_metadata);
    end if;

    v_cost_usd := p_cost_usd;
    v_digest := credits_internal.content_digest(p_reason, v_metadata);
    v_at := credits_internal.clock();
    v_transaction_id := credits_internal.uuid_v7(v_at);

    -- The usual case: the lot in use holds more than enough. One guarded update locks, judges and
    -- charges; whatever does not fit its guards goes the long way below.
    update credits.user_credits as u
    set
        balance = u.balance - p_credits,
        current_lot_remaining = u.current_lot_remaining - p_credits,
        last_seq = u.last_seq + 1,
        last_entry_at = v_at,
        ledger_head = credits_internal.entry_hash(
            u.ledger_head,
            p_user_id,
            v_transaction_id,
            u.last_seq + 1,
            'deduction',
            -p_credits,
            p_credits,
            u.balance - p_credits,
            jsonb_build_array(credits_internal.allocation(u.current_lot_id, -p_credits)),
            null,
            null,
            null,
            null,
            v_cost_usd,
            p_idempotency_key,
            v_digest,
            v_at
        )
    where
        u.user_id = p_user_id
        and u.current_lot_remaining > p_credits
        and u.last_entry_at < v_at
        and (u.next_expiry_at > v_at or u.next_expiry_at is null)
        and u.frozen_at is null
        and not u.has_keyed_revocations
    returning
        u.balance,
        u.last_seq,
        u.ledger_head,
        u.current_lot_id
    into v_user;

    if not found then
        return credits_internal.deduct_locked(
            p_user_id => p_user_id,
            p_credits => p_credits,
            p_reason => p_reason,
            p_idempotency_key => p_idempotency_key,
            p_cost_usd => v_cost_usd,
            p_metadata => v_metadata
        );
    end if;

    -- Only now, under the lock, can a repeated call be told from a new one.
    if p_idempotency_key is not null then
        perform
        from credits.credit_transactions as t
        where
            t.user_id = p_user_id
            and t.idempotency_key = p_idempotency_key;

        if found then
            perform credits_internal.undo_entry(p_user_id => p_user_id, p_credits => p_credits);

            return credits_internal.deduct_locked(
                p_user_id => p_user_id,
                p_credits => p_credits,
                p_reason => p_reason,
                p_idempotency_key => p_idempotency_key,
                p_cost_usd => v_cost_usd,
                p_metadata => v_metadata
            );
        end if;
    end if;

    update credits.credit_lots as l
    set remaining = l.remaining - p_credits
    where
        l.user_id = p_user_id
        and l.lot_id = v_user.current_lot_id;

    insert into credits.credit_transactions (
        user_id,
        transaction_id,
        seq,
        credits,
        requested_credits,
        balance_after,
        created_at,
        transaction_type,
        cost_usd,
        allocations,
        reason,
        idempotency_key,
        metadata,
        content_digest,
        entry_hash
    )
    values (
        p_user_id,
        v_transaction_id,
        v_user.last_seq,
        -p_credits,
        p_credits,
        v_user.balance,
        v_at,
        'deduction',
        v_cost_usd,
        jsonb_build_array(credits_internal.allocation(v_user.current_lot_id, -p_credits)),
        p_reason,
        p_idempotency_key,
        v_metadata,
        v_digest,
        v_user.ledger_head
    );

    return row(v_transaction_id, p_user_id, -p_credits, v_user.balance, false);
end
$deduct_user_credits$;

comment on function credits.deduct_user_credits is
'Take credits from a user, all or nothing. p_cost_usd: what the paid work is expected to cost you, '
'in US dollars. '
'Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT403 account_frozen, PT402 '
'insufficient_credits. Call it in FROM.';

revoke all on function credits.deduct_user_credits from public;
grant execute on function credits.deduct_user_credits to credits_app;
