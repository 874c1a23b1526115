-- Every lot holds what the ledger put into it less what the ledger took out.

create or replace function credits_internal.verify_lots(
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
as $verify_lots$
begin
    return query
    with lots as (
        select l.*
        from credits.credit_lots as l
        where
            l.user_id between p_from and p_to
            and (
                p_piece.after_id is null
                or not l.depleted
                or l.lot_id = any (p_piece.lots)
            )
    ),
    moved as (
        select
            m.user_id,
            m.lot_id,
            sum(m.credits) as credits,
            sum(m.credits) filter (
                where m.transaction_id = l.grant_transaction_id
            ) as granted
        from credits_internal.moved_lots(p_from, p_to, p_piece) as m
        left join lots as l
            on
                m.user_id = l.user_id
                and m.lot_id = l.lot_id::text
        group by m.user_id, m.lot_id
    )
    select
        k.kind,
        coalesce(l.user_id, m.user_id),
        l.grant_transaction_id,
        null::uuid,
        k.expected,
        k.actual,
        k.detail || coalesce(l.lot_id::text, m.lot_id, 'null')
    from lots as l
    full join moved as m
        on
            l.user_id = m.user_id
            and l.lot_id::text = m.lot_id
    cross join lateral (
        values
            (
                'lot_remaining',
                coalesce(m.credits, 0)::text,
                l.remaining::text,
                'the ledger''s movements of a lot sum to what remains in it: '
            ),
            (
                'lot_granted',
                coalesce(m.granted, 0)::text,
                l.granted::text,
                'a lot was granted what its ledger row says: '
            )
    ) as k (kind, expected, actual, detail)
    where
        k.expected is distinct from k.actual
        and case k.kind
            -- Before the end of a ledger lots cannot be compared with it.
            when 'lot_remaining' then p_piece.is_last is not false
            else
                p_piece.after_id is null
                or (
                    l.grant_transaction_id > p_piece.after_id
                    and l.grant_transaction_id <= p_piece.upto_id
                )
                or l.user_id is null
        end;
end
$verify_lots$;

comment on function credits_internal.verify_lots is
'Violations between lots and the ledger''s allocations, for users in this range of ids, '
'or for a piece of one user''s ledger.';

revoke all on function credits_internal.verify_lots from public;
