-- What revocations recovered is in the ledger, and what they are owed is on the lots.

create or replace function credits_internal.verify_revocations(
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
as $verify_revocations$
begin
    return query
    with recovered as (
        select
            t.user_id,
            t.revocation_of as grant_transaction_id,
            -sum(t.credits) as credits
        from credits.credit_transactions as t
        where
            t.user_id between p_from and p_to
            and t.transaction_type = 'revocation'
            and (
                p_piece.after_id is null
                or coalesce(t.refund_of, t.revocation_of) = any (p_piece.grants)
            )
        group by t.user_id, t.revocation_of
    ),
    revoked as (
        select
            r.user_id,
            r.grant_transaction_id,
            sum(r.recovered_credits) as recovered,
            sum(r.owed_credits) as owed
        from credits.revocations as r
        where
            r.user_id between p_from and p_to
            and (
                p_piece.after_id is null
                or r.grant_transaction_id = any (p_piece.grants)
            )
        group by r.user_id, r.grant_transaction_id
    ),
    owing as (
        select
            l.user_id,
            l.grant_transaction_id,
            sum(l.revoked_owed) as revoked_owed
        from credits.credit_lots as l
        where
            l.user_id between p_from and p_to
            and (
                p_piece.after_id is null
                or l.lot_id = any (p_piece.lots)
            )
        group by l.user_id, l.grant_transaction_id
    ),
    states as (
        select
            coalesce(w.user_id, v.user_id, c.user_id) as user_id,
            coalesce(
                w.grant_transaction_id, v.grant_transaction_id, c.grant_transaction_id
            ) as grant_transaction_id,
            coalesce(w.revoked_owed, 0) as owed_on_lot,
            coalesce(v.recovered, 0) as recovered,
            coalesce(v.owed, 0) as owed,
            coalesce(c.credits, 0) as recovered_in_ledger
        from owing as w
        full join revoked as v
            on
                w.user_id = v.user_id
                and w.grant_transaction_id = v.grant_transaction_id
        full join recovered as c
            on
                coalesce(w.user_id, v.user_id) = c.user_id
                and coalesce(w.grant_transaction_id, v.grant_transaction_id)
                = c.grant_transaction_id
    )
    select
        k.kind,
        s.user_id,
        s.grant_transaction_id,
        null::uuid,
        k.expected,
        k.actual,
        k.detail
    from states as s
    cross join lateral (
        values
            (
                'revocation_recovered',
                s.recovered_in_ledger::text,
                s.recovered::text,
                'revocations recovered what the ledger says'
            ),
            (
                'revocation_owed',
                s.owed::text,
                s.owed_on_lot::text,
                'revoked_owed of a lot is the sum of what its revocations are owed'
            )
    ) as k (kind, expected, actual, detail)
    where k.expected is distinct from k.actual;
end
$verify_revocations$;

comment on function credits_internal.verify_revocations is
'Violations between revocations, the ledger and the lots, for users in this range of ids, '
'or for a piece of one user''s ledger.';

revoke all on function credits_internal.verify_revocations from public;
