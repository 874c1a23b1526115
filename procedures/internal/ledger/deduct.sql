-- Take credits from a user; the caller has judged the arguments. The hot path of everything.
--
-- Errors: PT409 idempotency_conflict, PT403 account_frozen, PT402 insufficient_credits.

create or replace function credits_internal.deduct(
    p_user_id uuid,
    p_credits bigint,
    p_reason text,
    p_idempotency_key text,
    p_cost_usd numeric,
    p_metadata jsonb,
    p_generation_id uuid default null
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $deduct$
declare
    v_cost_usd numeric(18, 6);
    v_user record;
    v_at timestamptz;
    v_is_usual boolean;
    v_transaction_id uuid;
    v_allocations jsonb;
    v_digest bytea;
    v_hash bytea;
begin
    -- The user is locked by a statement of its own, although the update below would lock, too:
    -- a call that waited for a busy user then repeats only this small statement.
    select
        u.balance,
        u.last_seq,
        u.ledger_head,
        u.current_lot_id,
        u.current_lot_remaining,
        u.low_balance_threshold,
        u.last_entry_at,
        u.next_due_at,
        u.frozen_at,
        u.has_keyed_revocations
    into v_user
    from credits.user_credits as u
    where u.user_id = p_user_id
    for no key update;

    v_cost_usd := p_cost_usd;
    v_at := credits_internal.clock();

    -- The usual case: a new call, and the lot in use holds more than enough. Everything else goes
    -- the long way. The key is looked up apart, and last: an expression that reads a table costs
    -- as much as several that do not.
    v_is_usual := not coalesce(
        not found
        or v_user.current_lot_remaining <= p_credits
        or v_user.last_entry_at >= v_at
        or v_user.frozen_at is not null
        or v_user.has_keyed_revocations
        or (
            v_user.balance - p_credits < v_user.low_balance_threshold
            and v_user.balance >= v_user.low_balance_threshold
        ),
        false
    );

    -- Where an allowance waits for its sweep, nothing else need be due.
    if v_is_usual and v_user.next_due_at <= v_at then
        v_is_usual := credits_internal.due_expiry(p_user_id, v_at) is null;
    end if;

    if p_idempotency_key is not null and v_is_usual then
        v_is_usual := not exists (
            select
            from credits.credit_transactions as t
            where
                t.user_id = p_user_id
                and t.idempotency_key = p_idempotency_key
        );
    end if;

    if not v_is_usual then
        return credits_internal.lock_and_deduct(
            p_user_id => p_user_id,
            p_credits => p_credits,
            p_reason => p_reason,
            p_idempotency_key => p_idempotency_key,
            p_cost_usd => v_cost_usd,
            p_metadata => p_metadata,
            p_generation_id => p_generation_id
        );
    end if;

    v_transaction_id := credits_internal.uuid_v7(v_at);
    v_allocations := jsonb_build_array(
        credits_internal.allocation(v_user.current_lot_id, -p_credits)
    );
    v_digest := credits_internal.content_digest(p_reason, p_metadata);
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
        p_generation_id,
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

    -- The same insert as in write_entry, whose further steps the usual case does not need: the lot
    -- in use stays, and no alert is due.
    insert into credits.credit_transactions (
        user_id,
        transaction_id,
        seq,
        credits,
        requested_credits,
        balance_after,
        created_at,
        transaction_type,
        generation_id,
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
        p_generation_id,
        v_cost_usd,
        v_allocations,
        p_reason,
        p_idempotency_key,
        p_metadata,
        v_digest,
        v_hash
    );

    return row(v_transaction_id, p_user_id, -p_credits, v_user.balance - p_credits, false);
end
$deduct$;

comment on function credits_internal.deduct is
'Take credits for a call of deduct_user_credits, or for a generation.';

revoke all on function credits_internal.deduct from public;
