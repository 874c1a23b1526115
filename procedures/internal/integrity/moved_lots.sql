-- Every movement of a lot by the ledger; in a piece, what its lots held before counts as one.
--
-- Inlined by the planner.

create or replace function credits_internal.moved_lots(
    p_from uuid,
    p_to uuid,
    p_piece credits_internal.proof_piece
)
returns table (
    user_id uuid,
    lot_id text,
    credits numeric,
    transaction_id uuid
)
language sql
stable
parallel safe
security invoker
as $moved_lots$
    select
        t.user_id,
        a.lot_id,
        a.credits,
        t.transaction_id
    from credits.credit_transactions as t
    cross join lateral credits_internal.read_allocations(t.allocations) as a
    where
        t.user_id between p_from and p_to
        and (
            (p_piece).after_id is null
            or (
                t.transaction_id > (p_piece).after_id
                and t.transaction_id <= (p_piece).upto_id
            )
        )
    union all
    select
        p_from,
        b.lot_id,
        b.credits::numeric,
        null::uuid
    from pg_catalog.jsonb_each_text((p_piece).after_lots) as b (lot_id, credits)
$moved_lots$;

comment on function credits_internal.moved_lots is
'Which lots the ledger moved by how much, for users in this range of ids; in a piece the movements '
'since its checkpoint, and what each lot held there.';

revoke all on function credits_internal.moved_lots from public;
