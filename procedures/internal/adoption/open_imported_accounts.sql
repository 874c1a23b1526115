-- Write the first rows of many users' ledgers at once: a grant for each balance that came over.
--
-- None of the users has a row here yet. What is written is what grant_user_credits would write, row
-- by row and hash by hash: verify_ledger proves it.
--
-- Errors: 23505 where a user got a row meanwhile.

create or replace function credits_internal.open_imported_accounts(
    p_rows credits.imported_balances[]
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $open_imported_accounts$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_reason constant text := 'opening balance';
    v_digest constant bytea := credits_internal.content_digest(v_reason, '{}');
    v_threshold constant bigint := (
        select s.default_low_balance_threshold
        from credits.settings as s
    );
begin
    with recursive numbered as (
        select
            r.*,
            row_number() over each_user as seq,
            sum(r.granted) over each_user as balance_after,
            v_now + row_number() over each_user * interval '1 microsecond' as at
        from unnest(p_rows) as r
        window each_user as (
            partition by r.user_id
            order by r.source_table, r.source_id, r.bucket
        )
    ),
    identified as materialized (
        select
            n.*,
            credits_internal.uuid_v7(n.at) as grant_id,
            credits_internal.uuid_v7(n.at) as lot_id
        from numbered as n
    ),
    entries as materialized (
        select
            i.*,
            jsonb_build_array(
                credits_internal.allocation(i.lot_id, i.granted)
            ) as allocations
        from identified as i
    ),
    chained as (
        select
            e.user_id,
            e.seq,
            '\x'::bytea as previous,
            e.grant_id,
            credits_internal.entry_hash(
                '\x', e.user_id, e.grant_id, e.seq, 'grant', e.granted, e.granted,
                e.balance_after::bigint, e.allocations, 'import', null, null, null, null,
                e.idempotency_key, v_digest, e.at
            ) as entry_hash
        from entries as e
        where e.seq = 1

        union all

        select
            e.user_id,
            e.seq,
            c.entry_hash,
            e.grant_id,
            credits_internal.entry_hash(
                c.entry_hash, e.user_id, e.grant_id, e.seq, 'grant', e.granted, e.granted,
                e.balance_after::bigint, e.allocations, 'import', null, null, null, null,
                e.idempotency_key, v_digest, e.at
            )
        from chained as c
        inner join entries as e
            on
                c.user_id = e.user_id
                and c.seq + 1 = e.seq
    ),
    hashed as materialized (
        select
            e.*,
            c.entry_hash
        from chained as c
        inner join entries as e on c.grant_id = e.grant_id
    ),
    -- The lot that is spent first, by the same order as in lots_in_burn_order.
    burning as (
        select distinct on (h.user_id)
            h.user_id,
            h.lot_id,
            h.granted,
            min(h.expires_at) over (partition by h.user_id) as next_due_at
        from hashed as h
        order by
            h.user_id,
            h.priority,
            h.expires_at,
            (h.unit_price_usd is distinct from 0),
            h.at
    ),
    accounts as (
        insert into credits.user_credits (
            user_id,
            balance,
            last_seq,
            last_entry_at,
            next_due_at,
            current_lot_id,
            current_lot_remaining,
            low_balance_threshold,
            created_at,
            updated_at,
            ledger_head
        )
        select distinct on (h.user_id)
            h.user_id,
            h.balance_after,
            h.seq,
            h.at,
            b.next_due_at,
            b.lot_id,
            b.granted,
            v_threshold,
            v_now,
            v_now,
            h.entry_hash
        from hashed as h
        inner join burning as b on h.user_id = b.user_id
        order by h.user_id, h.seq desc
    ),
    lots as (
        insert into credits.credit_lots (
            user_id,
            lot_id,
            granted,
            remaining,
            expires_at,
            created_at,
            grant_transaction_id,
            priority,
            source,
            unit_price_usd
        )
        select
            h.user_id,
            h.lot_id,
            h.granted,
            h.granted,
            h.expires_at,
            h.at,
            h.grant_id,
            h.priority,
            'import',
            h.unit_price_usd
        from hashed as h
    ),
    grants as (
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
            allocations,
            reason,
            idempotency_key,
            metadata,
            content_digest,
            entry_hash
        )
        select
            h.user_id,
            h.grant_id,
            h.seq,
            h.granted,
            h.granted,
            h.balance_after,
            h.at,
            'grant',
            'import',
            h.allocations,
            v_reason,
            h.idempotency_key,
            '{}',
            v_digest,
            h.entry_hash
        from hashed as h
    )

    update credits.imported_balances as b
    set transaction_id = h.grant_id
    from hashed as h
    where
        b.user_id = h.user_id
        and b.idempotency_key = h.idempotency_key;
end
$open_imported_accounts$;

comment on function credits_internal.open_imported_accounts is
'Open the ledgers of users that have none with a grant for each of these balances.';

revoke all on function credits_internal.open_imported_accounts from public;
