-- Every ledger row follows from the one before, carries its time, and is as it was hashed.

create or replace function credits_internal.verify_entries(
    p_from uuid,
    p_to uuid,
    p_piece credits_internal.proof_piece default null
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
-- After a user of many rows a session would keep one plan for all users, made for many rows.
set plan_cache_mode = force_custom_plan
as $verify_entries$
begin
    -- What was proved before is not read again, but for the row where that ended.
    return query
    select
        'checkpoint',
        p_from,
        p_piece.after_id,
        null::uuid,
        k.expected,
        k.actual,
        'the row up to which the ledger was proved is as it was then'
    from (
        select
            concat_ws(
                ' ', p_piece.after_seq, p_piece.after_balance, encode(p_piece.after_hash, 'hex')
            ) as expected,
            (
                select concat_ws(' ', t.seq, t.balance_after, encode(t.entry_hash, 'hex'))
                from credits.credit_transactions as t
                where
                    t.user_id = p_from
                    and t.transaction_id = p_piece.after_id
            ) as actual
    ) as k
    where
        p_piece.after_id <> credits_internal.nil_uuid()
        and k.expected is distinct from k.actual;

    return query
    with entries as (
        select
            t.*,
            lag(t.seq, 1, coalesce(p_piece.after_seq, 0)) over in_order as previous_seq,
            lag(
                t.balance_after, 1, coalesce(p_piece.after_balance, 0)
            ) over in_order as previous_balance,
            lag(t.created_at, 1, p_piece.after_at) over in_order as previous_at,
            lag(
                t.entry_hash, 1, coalesce(p_piece.after_hash, '\x')
            ) over in_order as previous_hash
        from credits.credit_transactions as t
        where
            t.user_id between p_from and p_to
            and (
                p_piece.after_id is null
                or (
                    t.transaction_id > p_piece.after_id
                    and t.transaction_id <= p_piece.upto_id
                )
            )
        window in_order as (partition by t.user_id order by t.seq, t.transaction_id)
    )
    select
        k.kind,
        e.user_id,
        e.transaction_id,
        e.generation_id,
        k.expected,
        k.actual,
        k.detail
    from entries as e
    cross join lateral (
        values
            (
                'seq',
                (e.previous_seq + 1)::text,
                e.seq::text,
                'rows are numbered without gaps'
            ),
            (
                'balance_after',
                (e.previous_balance + e.credits)::text,
                e.balance_after::text,
                'balance_after is that of the row before plus credits'
            ),
            (
                'created_at',
                'true',
                (e.previous_at is null or e.previous_at < e.created_at)::text,
                'time strictly rises'
            ),
            (
                'transaction_id',
                credits_internal.uuid_v7_prefix(credits_internal.epoch_us(e.created_at)),
                left(replace(e.transaction_id::text, '-', ''), 16),
                'the id begins with the row''s time'
            ),
            (
                'allocations',
                e.credits::text,
                coalesce(
                    (
                        select sum(a.credits)
                        from credits_internal.read_allocations(e.allocations) as a
                    ),
                    0
                )::text,
                'allocations sum to credits'
            ),
            (
                'content_digest',
                case
                    when e.redacted_at is not null and e.reason is null and e.metadata = '{}'
                        then encode(e.content_digest, 'hex')
                    else encode(credits_internal.content_digest(e.reason, e.metadata), 'hex')
                end,
                encode(e.content_digest, 'hex'),
                'reason and metadata are as written, or redacted'
            ),
            (
                'entry_hash',
                encode(
                    credits_internal.entry_hash(
                        e.previous_hash,
                        e.user_id,
                        e.transaction_id,
                        e.seq,
                        e.transaction_type,
                        e.credits,
                        e.requested_credits,
                        e.balance_after,
                        e.allocations,
                        e.source,
                        e.refund_of,
                        e.revocation_of,
                        e.generation_id,
                        e.cost_usd,
                        e.idempotency_key,
                        e.content_digest,
                        e.created_at
                    ),
                    'hex'
                ),
                encode(e.entry_hash, 'hex'),
                'the hash follows from the row and the hash before'
            )
    ) as k (kind, expected, actual, detail)
    where k.expected is distinct from k.actual;
end
$verify_entries$;

comment on function credits_internal.verify_entries is
'Violations within the ledger, for users in this range of ids, '
'or for a piece of one user''s ledger.';

revoke all on function credits_internal.verify_entries from public;
