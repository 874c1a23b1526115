-- Every refund gives back a deduction of the same user, and the totals say how much.

create or replace function credits_internal.verify_refunds(
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
as $verify_refunds$
begin
    return query
    with refunds as (
        select
            t.user_id,
            t.refund_of as transaction_id,
            sum(t.credits) as refunded,
            (array_agg(t.transaction_id order by t.transaction_id desc))[1] as last_refund_id
        from credits.credit_transactions as t
        where
            t.user_id between p_from and p_to
            and t.transaction_type = 'refund'
            and (
                p_piece.after_id is null
                or coalesce(t.refund_of, t.revocation_of) = any (p_piece.transactions)
            )
        group by t.user_id, t.refund_of
    ),
    totals as (
        select r.*
        from credits.refund_totals as r
        where
            r.user_id between p_from and p_to
            and (
                p_piece.after_id is null
                or r.transaction_id = any (p_piece.transactions)
            )
    ),
    states as (
        select
            coalesce(f.user_id, r.user_id) as user_id,
            coalesce(f.transaction_id, r.transaction_id) as transaction_id,
            coalesce(f.refunded, 0) as refunded,
            r.refunded as total_refunded,
            r.charged as total_charged,
            f.last_refund_id,
            coalesce(r.last_refund_id, f.last_refund_id) as total_last_refund_id
        from refunds as f
        full join totals as r
            on
                f.user_id = r.user_id
                and f.transaction_id = r.transaction_id
    )
    select
        k.kind,
        s.user_id,
        s.transaction_id,
        t.generation_id,
        k.expected,
        k.actual,
        k.detail
    from states as s
    left join credits.credit_transactions as t
        on
            s.user_id = t.user_id
            and s.transaction_id = t.transaction_id
            and t.transaction_type = 'deduction'
    cross join lateral (
        values
            (
                'refund_total',
                s.refunded::text,
                s.total_refunded::text,
                'refund_totals.refunded is the sum of the refunds'
            ),
            (
                'refund_charge',
                (-t.credits)::text,
                s.total_charged::text,
                'refund_totals.charged is what the deduction took'
            ),
            (
                'refund_last',
                s.last_refund_id::text,
                s.total_last_refund_id::text,
                'refund_totals.last_refund_id is the latest refund'
            ),
            (
                'refund_without_charge',
                'true',
                (t.user_id is not null)::text,
                'a refund names a deduction of the same user'
            ),
            (
                'refund_cap',
                'true',
                (s.refunded <= -t.credits)::text,
                'refunds do not exceed the charge'
            )
    ) as k (kind, expected, actual, detail)
    where
        k.expected is distinct from k.actual
        and (t.user_id is not null or k.kind = 'refund_without_charge');
end
$verify_refunds$;

comment on function credits_internal.verify_refunds is
'Violations between refunds, their charges and refund_totals, for users in this range of ids, '
'or for a piece of one user''s ledger.';

revoke all on function credits_internal.verify_refunds from public;
