-- Prove the next piece of one user's ledger, in one snapshot.

create or replace function credits_internal.prove_user(
    p_user_id uuid,
    p_checkpoint credits_internal.checkpoint,
    p_rows integer
)
returns credits_internal.proof
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
-- After a user of many rows a session would keep one plan for all users, made for many rows.
set plan_cache_mode = force_custom_plan
as $prove_user$
declare
    v_piece constant credits_internal.proof_piece := credits_internal.next_piece(
        p_user_id, p_checkpoint, p_rows
    );
    v_checkpoint credits_internal.checkpoint;
begin
    v_checkpoint.transaction_id := v_piece.after_id;
    v_checkpoint.seq := v_piece.after_seq;
    v_checkpoint.created_at := v_piece.after_at;
    v_checkpoint.entry_hash := v_piece.after_hash;
    v_checkpoint.balance := v_piece.after_balance;
    v_checkpoint.generation_id := v_piece.generation_id;

    if v_piece.ledger_rows > 0 then
        select
            t.transaction_id,
            t.seq,
            t.created_at,
            t.entry_hash,
            t.balance_after
        into
            v_checkpoint.transaction_id,
            v_checkpoint.seq,
            v_checkpoint.created_at,
            v_checkpoint.entry_hash,
            v_checkpoint.balance
        from credits.credit_transactions as t
        where
            t.user_id = p_user_id
            and t.transaction_id <= v_piece.upto_id
        order by t.transaction_id desc
        limit 1;
    end if;

    select coalesce(jsonb_object_agg(l.lot_id, l.credits), '{}')
    into v_checkpoint.lots
    from (
        select
            m.lot_id,
            sum(m.credits) as credits
        from credits_internal.moved_lots(p_user_id, p_user_id, v_piece) as m
        where m.lot_id is not null
        group by m.lot_id
        having sum(m.credits) <> 0
    ) as l;

    v_checkpoint.in_flight := array(
        select g.generation_id
        from credits.generations as g
        where
            g.user_id = p_user_id
            and g.generation_id = any (v_piece.generations)
            and (
                g.finished_at is null
                or g.refund_owed_since is not null
            )
        order by g.generation_id
    );

    return row(
        v_checkpoint,
        v_piece.is_last,
        v_piece.ledger_rows,
        array(
            select v
            from credits_internal.verify_range(p_user_id, p_user_id, v_piece) as v
        )
    );
end
$prove_user$;

comment on function credits_internal.prove_user is
'Prove at most so many ledger rows of a user after this checkpoint (null = from the first row), '
'and what they concern: the next checkpoint, and what is violated.';

revoke all on function credits_internal.prove_user from public;
