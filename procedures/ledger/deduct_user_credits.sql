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
    v_user record;
    v_at timestamptz;
    v_transaction_id uuid;
    v_allocations jsonb;
    v_digest bytea;
    v_hash bytea;
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

    -- A lock of its own, although a guarded update would lock, too: whoever waits for a busy user
    -- then has only this small statement to do again.
    select
        u.balance,
        u.last_seq,
        u.ledger_head,
        u.current_lot_id,
        u.current_lot_remaining,
        u.last_entry_at,
        u.next_expiry_at,
        u.frozen_at,
        u.has_keyed_revocations
    into v_user
    from credits.user_credits as u
    where u.user_id = p_user_id
    for no key update;

    v_cost_usd := p_cost_usd;
    v_at := credits_internal.clock();

    -- The usual case: a new call, and the lot in use holds more than enough. The rest goes the
    -- long way.
    if not found
        or v_user.current_lot_remaining <= p_credits
        or v_user.last_entry_at >= v_at
        or v_user.next_expiry_at <= v_at
        or v_user.frozen_at is not null
        or v_user.has_keyed_revocations
        or (
            p_idempotency_key is not null
            and exists (
                select
                from credits.credit_transactions as t
                where
                    t.user_id = p_user_id
                    and t.idempotency_key = p_idempotency_key
            )
        )
    then
        return credits_internal.deduct_locked(
            p_user_id => p_user_id,
            p_credits => p_credits,
            p_reason => p_reason,
            p_idempotency_key => p_idempotency_key,
            p_cost_usd => v_cost_usd,
            p_metadata => v_metadata
        );
    end if;

    v_transaction_id := credits_internal.uuid_v7(v_at);
    v_allocations := jsonb_build_array(
        credits_internal.allocation(v_user.current_lot_id, -p_credits)
    );
    v_digest := credits_internal.content_digest(p_reason, v_metadata);
    v_hash := credits_internal.entry_hash(
        v_user.ledger_head,
        p_user_id,
        v_transaction_id,
        v_user.last_seq + 1,
        'deduction',
        -p_credits,
        p_credits,
        v_user.balance - p_credits,
        v_allocations,
        null,
        null,
        null,
        null,
        v_cost_usd,
        p_idempotency_key,
        v_digest,
        v_at
    );

    update credits.user_credits as u
    set
        balance = v_user.balance - p_credits,
        current_lot_remaining = v_user.current_lot_remaining - p_credits,
        last_seq = v_user.last_seq + 1,
        last_entry_at = v_at,
        ledger_head = v_hash
    where u.user_id = p_user_id;

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
        v_user.last_seq + 1,
        -p_credits,
        p_credits,
        v_user.balance - p_credits,
        v_at,
        'deduction',
        v_cost_usd,
        v_allocations,
        p_reason,
        p_idempotency_key,
        v_metadata,
        v_digest,
        v_hash
    );

    return row(v_transaction_id, p_user_id, -p_credits, v_user.balance - p_credits, false);
end
$deduct_user_credits$;

comment on function credits.deduct_user_credits is
'Take credits from a user, all or nothing. p_cost_usd: what the paid work is expected to cost you, '
'in US dollars. '
'Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT403 account_frozen, PT402 '
'insufficient_credits. Call it in FROM.';

revoke all on function credits.deduct_user_credits from public;
grant execute on function credits.deduct_user_credits to credits_app;
