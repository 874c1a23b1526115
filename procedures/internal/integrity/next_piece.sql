-- What is proved next of one user's ledger: the rows after a checkpoint, at most so many, and all
-- that they concern.
--
-- A proof from the first row also looks at what no ledger row leads to. Of refund_totals, lots and
-- revocations, whose ids sort by time, each piece looks at those of its own time; generations,
-- whose ids are the application's, are gone through by key.

create or replace function credits_internal.next_piece(
    p_user_id uuid,
    p_checkpoint credits_internal.checkpoint,
    p_rows integer
)
returns credits_internal.proof_piece
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
-- After a user of many rows a session would keep one plan for all users, made for many rows.
set plan_cache_mode = force_custom_plan
as $next_piece$
declare
    v_piece credits_internal.proof_piece;
    -- What is in the ledger's allocations need not be a uuid: somebody may have written there.
    v_uuid constant text := '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
    v_entries record;
    v_walked uuid[] := '{}';
    v_revoked record;
begin
    v_piece.after_id := coalesce(p_checkpoint.transaction_id, credits_internal.nil_uuid());
    v_piece.after_seq := coalesce(p_checkpoint.seq, 0);
    v_piece.after_at := p_checkpoint.created_at;
    v_piece.after_hash := coalesce(p_checkpoint.entry_hash, '\x');
    v_piece.after_balance := coalesce(p_checkpoint.balance, 0);
    v_piece.after_lots := coalesce(p_checkpoint.lots, '{}');

    select
        count(*) as ledger_rows,
        (array_agg(t.transaction_id order by t.transaction_id desc))[1] as last_id,
        array_agg(t.transaction_id) filter (
            where t.transaction_type = 'deduction'
        ) as deductions,
        array_agg(t.transaction_id) filter (
            where t.transaction_type = 'deduction'
            and t.generation_id is not null
        ) as charges,
        array_agg(distinct t.refund_of) filter (where t.refund_of is not null) as refunded,
        array_agg(distinct t.revocation_of) filter (where t.revocation_of is not null) as revoked,
        array_agg(distinct t.generation_id) filter (where t.generation_id is not null)
            as generations
    into v_entries
    from (
        select e.*
        from credits.credit_transactions as e
        where
            e.user_id = p_user_id
            and e.transaction_id > v_piece.after_id
        order by e.transaction_id
        limit p_rows
    ) as t;

    v_piece.ledger_rows := v_entries.ledger_rows;
    v_piece.upto_id := coalesce(v_entries.last_id, v_piece.after_id);

    if p_checkpoint.transaction_id is null or p_checkpoint.generation_id is not null then
        v_piece.generation_id := coalesce(
            p_checkpoint.generation_id, credits_internal.nil_uuid()
        );
        v_walked := array(
            select g.generation_id
            from credits.generations as g
            where
                g.user_id = p_user_id
                and g.generation_id > v_piece.generation_id
            order by g.generation_id
            limit p_rows
        );
        v_piece.generation_id := coalesce(
            v_walked[cardinality(v_walked)], v_piece.generation_id
        );
    end if;

    v_piece.is_last := v_entries.ledger_rows < p_rows and cardinality(v_walked) < p_rows;

    -- The last piece looks at whatever is newer, too.
    if v_piece.is_last then
        v_piece.upto_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
        v_piece.generation_id := null;
    end if;

    v_piece.transactions := v_entries.deductions || v_entries.refunded || array(
        select r.transaction_id
        from credits.refund_totals as r
        where
            r.user_id = p_user_id
            and r.transaction_id > v_piece.after_id
            and r.transaction_id <= v_piece.upto_id
    );

    select
        coalesce(array_agg(r.lot_id), '{}') as lots,
        coalesce(array_agg(r.grant_transaction_id), '{}') as grants
    into v_revoked
    from credits.revocations as r
    where
        r.user_id = p_user_id
        and (
            r.grant_transaction_id = any (v_entries.revoked)
            or (
                r.revocation_id > v_piece.after_id
                and r.revocation_id <= v_piece.upto_id
            )
        );

    v_piece.lots := v_revoked.lots || array(
        select l.lot_id
        from credits.credit_lots as l
        where
            l.user_id = p_user_id
            and l.lot_id > v_piece.after_id
            and l.lot_id <= v_piece.upto_id
        union
        select c.lot_id::uuid
        from jsonb_object_keys(v_piece.after_lots) as c (lot_id)
        where c.lot_id ~ v_uuid
        union
        select case when a.lot_id ~ v_uuid then a.lot_id::uuid end
        from credits.credit_transactions as t
        cross join lateral credits_internal.read_allocations(t.allocations) as a
        where
            t.user_id = p_user_id
            and t.transaction_id > v_piece.after_id
            and t.transaction_id <= v_piece.upto_id
    );

    select
        array_agg(l.grant_transaction_id) || v_entries.revoked || v_revoked.grants,
        array_agg(l.origin_lot_id) filter (
            where l.source = 'rollover'
            and l.lot_id > v_piece.after_id
            and l.lot_id <= v_piece.upto_id
        )
    into
        v_piece.grants,
        v_piece.rollovers
    from credits.credit_lots as l
    where
        l.user_id = p_user_id
        and l.lot_id = any (v_piece.lots);

    v_piece.rollovers := coalesce(v_piece.rollovers, '{}');
    v_piece.generations := array(
        select g.generation_id
        from unnest(
            v_entries.generations || p_checkpoint.in_flight || v_walked || array(
                select m.generation_id
                from credits.mirrored_tasks as m
                where
                    m.user_id = p_user_id
                    and m.charge_transaction_id = any (v_piece.transactions)
            )
        ) as g (generation_id)
        where g.generation_id is not null
        group by g.generation_id
    );
    v_piece.charges := v_entries.charges || array(
        select g.charge_transaction_id
        from credits.generations as g
        where
            g.user_id = p_user_id
            and g.generation_id = any (v_piece.generations)
    );

    return v_piece;
end
$next_piece$;

comment on function credits_internal.next_piece is
'What is proved next of a user''s ledger after this checkpoint (null = from the first row): at '
'most so many ledger rows, and what they concern.';

revoke all on function credits_internal.next_piece from public;
