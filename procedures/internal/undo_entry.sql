-- Take back the guarded update of a deduction that turned out to be a repeated call.
--
-- Its ledger row was not written, so that the last row there still tells what the user's row was.

create or replace function credits_internal.undo_entry(
    p_user_id uuid,
    p_credits bigint
)
returns void
language sql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $undo_entry$
    update credits.user_credits as u
    set
        balance = u.balance + p_credits,
        current_lot_remaining = u.current_lot_remaining + p_credits,
        last_seq = t.seq,
        last_entry_at = t.created_at,
        ledger_head = t.entry_hash
    from (
        select
            t.seq,
            t.created_at,
            t.entry_hash
        from credits.credit_transactions as t
        where t.user_id = p_user_id
        order by t.transaction_id desc
        limit 1
    ) as t
    where u.user_id = p_user_id
$undo_entry$;

comment on function credits_internal.undo_entry is
'Restore a user''s row to its last ledger row, after a guarded update that took so many credits.';

revoke all on function credits_internal.undo_entry from public;
