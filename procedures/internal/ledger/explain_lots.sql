-- The legs of a ledger row, with where each lot came from.

create or replace function credits_internal.explain_lots(
    p_user_id uuid,
    p_allocations jsonb
)
returns jsonb
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $explain_lots$
    select jsonb_agg(
        jsonb_build_object(
            'lot_id', l.lot_id,
            'source', l.source,
            'credits', a.credits,
            'expires_at', credits_internal.utc_text(l.expires_at),
            'unit_price_usd', l.unit_price_usd
        )
        order by a.position
    )
    from rows from (
        jsonb_to_recordset(p_allocations) as (lot_id uuid, credits bigint)
    ) with ordinality as a (lot_id, credits, position)
    inner join credits.credit_lots as l on a.lot_id = l.lot_id
    where l.user_id = p_user_id
$explain_lots$;

comment on function credits_internal.explain_lots is
'Lots, their sources and signed credits, in the order in which they moved.';

revoke all on function credits_internal.explain_lots from public;
