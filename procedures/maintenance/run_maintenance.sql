-- Do everything that has to be done from time to time.
--
-- Errors: 40001, 40P01.

create or replace function credits.run_maintenance()
returns setof credits.maintenance_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $run_maintenance$
begin
    -- What waits is applied before anything times out, and alerts judge what is left of it all.
    return query
    select
        'apply_waiting_callbacks',
        count(*)
    from credits.apply_waiting_callbacks();

    return query
    select
        'sweep_stuck_generations',
        count(*)
    from credits.sweep_stuck_generations();

    return query
    select
        'retry_failed_refunds',
        count(*)
    from credits.retry_failed_refunds();

    return query
    select
        'expire_user_credits',
        count(*)
    from credits.expire_user_credits();

    return query
    select
        'apply_monthly_allowances',
        count(*)
    from credits.apply_monthly_allowances();

    return query
    select
        'check_ledger',
        count(*)
    from credits.check_ledger();

    return query
    select
        'check_alerts',
        coalesce(sum(c.opened + c.resolved), 0)::bigint
    from credits.check_alerts() as c;
end
$run_maintenance$;

comment on function credits.run_maintenance is
'Do what has to be done from time to time, in one transaction: apply waiting callbacks, give up on '
'what is stuck, retry refunds, expire credits, grant allowances, check the ledger, judge the '
'alerts. It never settles what is under review. Up to the default p_limit of each; pgcredits '
'maintain gives each a transaction of its own. One row for each: how many rows its function '
'returned; of check_alerts, how many alerts were opened and resolved. Call it in FROM.';

revoke all on function credits.run_maintenance from public;
grant execute on function credits.run_maintenance to credits_operator;
