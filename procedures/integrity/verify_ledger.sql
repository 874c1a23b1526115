-- Prove the ledger: no rows = healthy.

create or replace function credits.verify_ledger(
    p_user_id uuid default null
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $verify_ledger$
declare
    -- One user or all: always a range of ids, so that the same queries use the primary keys.
    v_from constant uuid := coalesce(p_user_id, credits_internal.nil_uuid());
    v_to constant uuid := coalesce(p_user_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
begin
    return query select v.* from credits_internal.verify_range(v_from, v_to) as v;

    if p_user_id is null then
        return query select v.* from credits_internal.verify_purchases() as v;
    end if;
end
$verify_ledger$;

comment on function credits.verify_ledger is
'Prove the ledger of one user, or of all (null): a row for each violation, none = healthy. '
'Balances against ledger and lots, rows numbered without gaps, the hash chain, allocations, what '
'refund and rollover lots descend from, refunds within their charges, revocations, generations '
'charged once, settled and with every owed refund listed, and (for all) no purchase key used for '
'two users. '
'Sees one snapshot; of a large ledger verify_ledger_part verifies one part after the other. Call '
'it in FROM.';

revoke all on function credits.verify_ledger from public;
grant execute on function credits.verify_ledger to credits_operator;
