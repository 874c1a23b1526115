-- Every user's row agrees with the last ledger row, the ledger's sum and the lots.

create or replace function credits_internal.verify_users(
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
as $verify_users$
begin
    return query
    with users as (
        select u.*
        from credits.user_credits as u
        where u.user_id between p_from and p_to
    ),
    ledgers as (
        select
            t.user_id,
            sum(t.credits) as credits,
            max(t.seq) as last_seq
        from (
            select
                t.user_id,
                t.credits,
                t.seq
            from credits.credit_transactions as t
            where
                t.user_id between p_from and p_to
                and (
                    p_piece.after_id is null
                    or t.transaction_id > p_piece.after_id
                )
            union all
            select
                p_from,
                p_piece.after_balance,
                p_piece.after_seq
            where p_piece.after_seq > 0
        ) as t
        group by t.user_id
    ),
    lots as (
        select
            l.user_id,
            sum(l.remaining) as remaining,
            min(l.expires_at) as next_expiry_at
        from credits.credit_lots as l
        where
            l.user_id between p_from and p_to
            and not l.depleted
        group by l.user_id
    ),
    states as (
        select
            coalesce(u.user_id, g.user_id) as user_id,
            u.user_id is null as is_missing,
            u.balance,
            u.last_seq,
            u.last_entry_at,
            u.ledger_head,
            u.plan,
            u.next_due_at,
            u.next_allowance_at,
            u.current_lot_id,
            u.current_lot_remaining,
            coalesce(g.credits, 0) as ledger_credits,
            coalesce(g.last_seq, 0) as ledger_last_seq,
            coalesce(l.remaining, 0) as lots_remaining,
            least(l.next_expiry_at, u.next_allowance_at) as due_at,
            e.transaction_id,
            e.balance_after,
            e.created_at,
            e.entry_hash,
            b.lot_id as burning_lot_id,
            b.remaining as burning_remaining
        from users as u
        full join ledgers as g on u.user_id = g.user_id
        left join lots as l on u.user_id = l.user_id
        left join lateral (
            select t.*
            from credits.credit_transactions as t
            where t.user_id = coalesce(u.user_id, g.user_id)
            order by t.transaction_id desc
            limit 1
        ) as e on true
        left join lateral (
            select o.*
            from credits_internal.lots_in_burn_order(p_user_id => u.user_id) as o
            order by o.burn_order
            limit 1
        ) as b on true
    )
    select
        k.kind,
        s.user_id,
        s.transaction_id,
        null::uuid,
        k.expected,
        k.actual,
        k.detail
    from states as s
    cross join lateral (
        values
            (
                'user_missing',
                'false',
                s.is_missing::text,
                'ledger rows without a row in user_credits'
            ),
            (
                'balance_after_last_entry',
                coalesce(s.balance_after, 0)::text,
                s.balance::text,
                'balance is balance_after of the last ledger row'
            ),
            (
                'balance_sum_of_ledger',
                s.ledger_credits::text,
                s.balance::text,
                'balance is the sum of the ledger'
            ),
            (
                'balance_sum_of_lots',
                s.lots_remaining::text,
                s.balance::text,
                'balance is the sum of what remains in the lots'
            ),
            (
                'last_seq',
                s.ledger_last_seq::text,
                s.last_seq::text,
                'last_seq is that of the last ledger row'
            ),
            (
                'last_entry_at',
                s.created_at::text,
                s.last_entry_at::text,
                'last_entry_at is the time of the last ledger row'
            ),
            (
                'ledger_head',
                encode(coalesce(s.entry_hash, '\x'), 'hex'),
                encode(s.ledger_head, 'hex'),
                'ledger_head is the hash of the last ledger row'
            ),
            (
                'next_due_at',
                s.due_at::text,
                s.next_due_at::text,
                'next_due_at is the sooner of next_allowance_at and the expiry of the soonest lot '
                'that holds credits'
            ),
            (
                'next_allowance_at',
                (s.plan is not null)::text,
                (s.next_allowance_at is not null)::text,
                'next_allowance_at is known of users on a plan, and of no others'
            ),
            (
                'current_lot',
                s.burning_lot_id::text || ' ' || s.burning_remaining::text,
                s.current_lot_id::text || ' ' || s.current_lot_remaining::text,
                'the lot in use is the first in burn order'
            )
    ) as k (kind, expected, actual, detail)
    where
        k.expected is distinct from k.actual
        and (k.kind = 'user_missing' or not s.is_missing);
end
$verify_users$;

comment on function credits_internal.verify_users is
'Violations between users'' rows, their ledgers and their lots, for users in this range of ids, '
'or for a piece of one user''s ledger.';

revoke all on function credits_internal.verify_users from public;
