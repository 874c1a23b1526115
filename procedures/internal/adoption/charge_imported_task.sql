-- Charge a task of an older system here, too, with credits that were brought over for it alone.
--
-- The pair of rows nets to zero: the user paid in the older system. The caller holds the lock of
-- the user's row where there is one.
--
-- Errors: PT422 invalid_argument where the balance would pass its limit.

create or replace function credits_internal.charge_imported_task(
    p_task credits_internal.imported_task
)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $charge_imported_task$
declare
    v_key constant text := credits_internal.import_key(p_task.source_table, p_task.source_id);
    v_user credits.user_credits;
    v_now timestamptz;
    v_at timestamptz;
    v_grant_id uuid;
    v_charge_id uuid;
    v_lot_id uuid;
begin
    v_user := credits_internal.lock_user(
        p_task.user_id, p_create_missing => true, p_require_registered => false
    );
    v_now := credits_internal.clock();
    v_user := credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);

    v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
    v_grant_id := credits_internal.uuid_v7(v_at);
    v_user := credits_internal.add_lot(
        p_user => v_user,
        p_transaction_id => v_grant_id,
        p_at => v_at,
        p_credits => p_task.credits_to_charge,
        p_requested_credits => p_task.credits_to_charge,
        p_source => 'import',
        p_expires_at => null,
        p_priority => 100,
        p_unit_price_usd => null,
        p_reason => 'charged in the older system',
        p_idempotency_key => v_key
    );

    -- The task is paid by the lot granted above, whatever other lots the user has.
    update credits.credit_lots as l
    set remaining = 0
    where
        l.user_id = p_task.user_id
        and l.grant_transaction_id = v_grant_id
    returning l.lot_id into strict v_lot_id;

    v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
    v_charge_id := credits_internal.uuid_v7(v_at);
    v_user := credits_internal.write_entry(
        p_user => v_user,
        p_transaction_id => v_charge_id,
        p_at => v_at,
        p_transaction_type => 'deduction',
        p_allocations => jsonb_build_array(
            credits_internal.allocation(v_lot_id, -p_task.credits_to_charge)
        ),
        p_credits => -p_task.credits_to_charge,
        p_requested_credits => p_task.credits_to_charge,
        p_generation_id => p_task.generation_id,
        p_reason => 'charged in the older system',
        p_idempotency_key => v_key || ':charge'
    );

    return v_charge_id;
end
$charge_imported_task$;

comment on function credits_internal.charge_imported_task is
'A grant and a deduction of the same credits for a task of an older system; returns the deduction.';

revoke all on function credits_internal.charge_imported_task from public;
