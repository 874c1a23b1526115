-- Show the refunds that are owed, or pay them; the only function that pays those under review.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.settle_owed_refunds(
    p_dry_run boolean default true,
    p_limit integer default 1000
)
returns setof credits.owed_refund
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $settle_owed_refunds$
begin
    perform credits_internal.require_limit(p_limit);

    -- Only an explicit false pays: null is not a clear order.
    if p_dry_run is false then
        return query
        select s.*
        from credits_internal.sweep_generations('settle_owed_refunds', p_limit) as s;

        return;
    end if;

    return query
    select
        g.user_id,
        g.generation_id,
        g.refund_due_credits - coalesce(r.refunded, 0),
        0::bigint,
        null::text
    from credits.generations as g
    left join credits.refund_totals as r
        on
            g.user_id = r.user_id
            and g.charge_transaction_id = r.transaction_id
    where
        g.refund_owed_since is not null
        and g.refund_due_credits > coalesce(r.refunded, 0)
    order by g.refund_owed_since
    limit p_limit;
end
$settle_owed_refunds$;

comment on function credits.settle_owed_refunds is
'The refunds that are owed, one row per generation: shown (p_dry_run, the default) or paid, also '
'those under review. credits_owed is what was owed before, credits_refunded what this call paid. '
'Busy users are left for the next run. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.settle_owed_refunds from public;
grant execute on function credits.settle_owed_refunds to credits_operator;
