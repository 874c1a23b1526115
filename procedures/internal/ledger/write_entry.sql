-- Append a row to a user's ledger and bring the user's row up to it.
--
-- The caller holds the user's lock and has moved the lots already, so that the lot in use and the
-- next expiry can be read from them.
--
-- Errors: PT422 invalid_argument where the balance would pass its limit.

create or replace function credits_internal.write_entry(
    p_user credits.user_credits,
    p_transaction_id uuid,
    p_at timestamptz,
    p_transaction_type credits.transaction_type,
    p_allocations jsonb,
    p_credits bigint,
    p_requested_credits bigint default null,
    p_source credits.credit_source default null,
    p_refund_of uuid default null,
    p_revocation_of uuid default null,
    p_generation_id uuid default null,
    p_cost_usd numeric default null,
    p_reason text default null,
    p_idempotency_key text default null,
    p_metadata jsonb default null,
    p_more_follows boolean default false
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $write_entry$
declare
    v_balance constant bigint := p_user.balance + p_credits;
    v_metadata constant jsonb := coalesce(p_metadata, '{}');
    v_digest constant bytea := credits_internal.content_digest(p_reason, v_metadata);
    v_hash bytea;
    v_user credits.user_credits;
begin
    -- A balance stays below 2^53, up to which JavaScript holds whole numbers exactly.
    if p_credits > 0 and v_balance > 9000000000000000 then
        perform credits_internal.refuse_argument(
            'p_credits',
            p_credits::text,
            'would lift the balance above 9000000000000000',
            'Spend or revoke credits first.'
        );
    end if;

    v_hash := credits_internal.entry_hash(
        p_user.ledger_head,
        p_user.user_id,
        p_transaction_id,
        p_user.last_seq + 1,
        p_transaction_type,
        p_credits,
        p_requested_credits,
        v_balance,
        p_allocations,
        p_source,
        p_refund_of,
        p_revocation_of,
        p_generation_id,
        p_cost_usd::numeric(18, 6),
        p_idempotency_key,
        v_digest,
        p_at
    );

    insert into credits.credit_transactions (
        user_id,
        transaction_id,
        seq,
        credits,
        requested_credits,
        balance_after,
        created_at,
        transaction_type,
        source,
        refund_of,
        revocation_of,
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
        p_user.user_id,
        p_transaction_id,
        p_user.last_seq + 1,
        p_credits,
        p_requested_credits,
        v_balance,
        p_at,
        p_transaction_type,
        p_source,
        p_refund_of,
        p_revocation_of,
        p_generation_id,
        p_cost_usd,
        p_allocations,
        p_reason,
        p_idempotency_key,
        v_metadata,
        v_digest,
        v_hash
    );

    -- The user's row is written once, with the last of several ledger rows.
    if p_more_follows then
        v_user := p_user;
        v_user.balance := v_balance;
        v_user.last_seq := p_user.last_seq + 1;
        v_user.last_entry_at := p_at;
        v_user.ledger_head := v_hash;

        return v_user;
    end if;

    -- The low_balance alert opens or resolves only where the balance crosses the threshold, by this
    -- row and those before it that are not on the user's row yet.
    if p_user.low_balance_threshold is not null then
        perform credits_internal.note_low_balance(
            p_user_id => u.user_id,
            p_balance => v_balance,
            p_threshold => u.low_balance_threshold
        )
        from credits.user_credits as u
        where
            u.user_id = p_user.user_id
            and (u.balance < u.low_balance_threshold)
            is distinct from (v_balance < u.low_balance_threshold);
    end if;

    -- Credits that come back to the lot in use alone: it stays the first to be spent, and nothing
    -- is due sooner.
    if p_credits > 0
        and jsonb_array_length(p_allocations) = 1
        and (p_allocations #>> '{0,lot_id}')::uuid = p_user.current_lot_id
    then
        update credits.user_credits as u
        set
            balance = v_balance,
            current_lot_remaining = u.current_lot_remaining + p_credits,
            last_seq = p_user.last_seq + 1,
            last_entry_at = p_at,
            ledger_head = v_hash
        where u.user_id = p_user.user_id
        returning u.* into strict v_user;

        return v_user;
    end if;

    update credits.user_credits as u
    set
        balance = v_balance,
        last_seq = p_user.last_seq + 1,
        last_entry_at = p_at,
        ledger_head = v_hash,
        next_due_at = least(live.next_expiry_at, u.next_allowance_at),
        current_lot_id = live.lot_id,
        current_lot_remaining = coalesce(live.remaining, 0)
    from (select) as always
    left join (
        select
            b.lot_id,
            b.remaining,
            min(b.expires_at) over () as next_expiry_at
        from credits_internal.lots_in_burn_order(p_user_id => p_user.user_id) as b
        order by b.burn_order
        limit 1
    ) as live on true
    where u.user_id = p_user.user_id
    returning u.* into strict v_user;

    return v_user;
end
$write_entry$;

comment on function credits_internal.write_entry is
'Append one ledger row for a locked user, and return the user''s row as it is then. '
'p_more_follows: leave writing that row to the next call, which is handed what this one returned.';

revoke all on function credits_internal.write_entry from public;
