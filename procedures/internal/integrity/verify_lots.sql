-- Every lot holds what the ledger put into it less what the ledger took out.

create or replace function credits_internal.verify_lots(
    p_from uuid,
    p_to uuid
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
    with moved as (
        select
            t.user_id,
            a.lot_id,
            sum(a.credits) as credits,
            sum(a.credits) filter (
                where t.transaction_id = l.grant_transaction_id
            ) as granted
        from credits.credit_transactions as t
        cross join lateral credits_internal.read_allocations(t.allocations) as a
        left join credits.credit_lots as l
            on
                t.user_id = l.user_id
                and a.lot_id = l.lot_id::text
        where t.user_id between p_from and p_to
        group by t.user_id, a.lot_id
    ),
    lots as (
        select l.*
        from credits.credit_lots as l
        where l.user_id between p_from and p_to
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
    where k.expected is distinct from k.actual;
end
$verify_lots$;

comment on function credits_internal.verify_lots is
'Violations between lots and the ledger''s allocations, for users in this range of ids.';

revoke all on function credits_internal.verify_lots from public;
