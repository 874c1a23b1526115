-- Lots descend from what they say: a rollover from the allowance that it continues, of which no
-- more has rolled over than there was, a refund's lot from the lot that its credits came from.

create or replace function credits_internal.verify_descent(
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
as $verify_descent$
begin
    return query
    select
        'lot_origin',
        l.user_id,
        l.grant_transaction_id,
        null::uuid,
        case l.source
            when 'rollover' then 'allowance'
            when 'refund' then 'any'
        end,
        o.source::text,
        'a rollover descends from an allowance, a refund''s lot from any lot, others from none: '
        || l.lot_id::text
    from credits.credit_lots as l
    left join credits.credit_lots as o
        on
            l.user_id = o.user_id
            and l.origin_lot_id = o.lot_id
    where
        l.user_id between p_from and p_to
        and (
            p_piece.after_id is null
            or l.lot_id = any (p_piece.lots)
        )
        and (
            l.source in ('refund', 'rollover')
            or l.origin_lot_id is not null
        )
        and case l.source
            when 'rollover' then o.source is distinct from 'allowance'
            when 'refund' then o.source is null
            else true
        end;

    return query
    select
        'lot_rolled_over',
        l.user_id,
        l.grant_transaction_id,
        null::uuid,
        l.granted::text,
        r.credits::text,
        'no more of an allowance has rolled over than was granted: ' || l.lot_id::text
    from (
        select
            d.user_id,
            d.origin_lot_id,
            sum(d.granted) as credits
        from credits.credit_lots as d
        where
            d.user_id between p_from and p_to
            and d.source = 'rollover'
            and (
                p_piece.after_id is null
                or (
                    d.origin_lot_id = any (p_piece.rollovers)
                    -- Where no lot rolled over in the piece, this reads no lots.
                    and cardinality(p_piece.rollovers) > 0
                )
            )
        group by d.user_id, d.origin_lot_id
    ) as r
    inner join credits.credit_lots as l
        on
            r.user_id = l.user_id
            and r.origin_lot_id = l.lot_id
    where r.credits > l.granted;
end
$verify_descent$;

comment on function credits_internal.verify_descent is
'Violations in what refund and rollover lots descend from, for users in this range of ids, '
'or for a piece of one user''s ledger.';

revoke all on function credits_internal.verify_descent from public;
