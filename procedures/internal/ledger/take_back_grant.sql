-- Carry out a revocation that has been judged: recover what is left of the grant, and note what
-- is owed. The caller holds the user's lock.

create or replace function credits_internal.take_back_grant(
    p_user credits.user_credits,
    p_now timestamptz,
    p_grant credits.credit_transactions,
    p_credits bigint,
    p_requested_credits bigint,
    p_reason text,
    p_idempotency_key text
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $take_back_grant$
declare
    v_user credits.user_credits := p_user;
    v_at constant timestamptz := credits_internal.next_entry_at(
        p_now, p_user.last_entry_at
    );
    v_revocation_id constant uuid := credits_internal.uuid_v7(v_at);
    v_lot_id constant uuid := (p_grant.allocations -> 0 ->> 'lot_id')::uuid;
    v_allocations jsonb;
    v_recovered bigint;
    v_transaction_id uuid;
begin
    v_allocations := credits_internal.take_credits(
        p_user_id => p_user.user_id,
        p_credits => p_credits,
        p_family_of => v_lot_id
    );
    v_recovered := -credits_internal.allocated(v_allocations);

    if v_recovered > 0 then
        v_transaction_id := v_revocation_id;
        v_user := credits_internal.write_entry(
            p_user => v_user,
            p_transaction_id => v_transaction_id,
            p_at => v_at,
            p_transaction_type => 'revocation',
            p_allocations => v_allocations,
            p_credits => -v_recovered,
            p_requested_credits => p_requested_credits,
            p_revocation_of => p_grant.transaction_id,
            p_reason => p_reason,
            p_idempotency_key => p_idempotency_key
        );
    end if;

    insert into credits.revocations (
        user_id,
        revocation_id,
        grant_transaction_id,
        lot_id,
        requested_credits,
        credits,
        recovered_credits,
        owed_credits,
        transaction_id,
        created_at,
        idempotency_key,
        reason
    )
    values (
        p_user.user_id,
        v_revocation_id,
        p_grant.transaction_id,
        v_lot_id,
        p_requested_credits,
        p_credits,
        v_recovered,
        p_credits - v_recovered,
        v_transaction_id,
        v_at,
        p_idempotency_key,
        p_reason
    );

    update credits.credit_lots as l
    set revoked_owed = l.revoked_owed + p_credits - v_recovered
    where
        l.user_id = p_user.user_id
        and l.lot_id = v_lot_id;

    -- Updated even if no credits moved, so that a REPEATABLE READ session with an older snapshot
    -- gets 40001.
    update credits.user_credits as u
    set
        has_keyed_revocations = u.has_keyed_revocations or (
            v_recovered = 0
            and p_idempotency_key is not null
        ),
        updated_at = v_at
    where u.user_id = p_user.user_id;

    return row(v_transaction_id, p_user.user_id, -v_recovered, v_user.balance, false);
end
$take_back_grant$;

comment on function credits_internal.take_back_grant is
'Recover so many credits of a grant from its lot and those descended from it, and record the rest '
'as owed.';

revoke all on function credits_internal.take_back_grant from public;
