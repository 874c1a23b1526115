-- Run every maintenance task once, in one transaction.
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
    -- Whoever is swept stays locked until the transaction ends: the ledger is checked before, while
    -- nobody is locked. Where that lasts until the timeout, the other tasks are done all the same:
    -- each takes one turn at least.
    begin
        return query
        select
            'check_ledger',
            count(*)
        from credits.check_ledger(p_limit => 100);
    exception
        when query_canceled then
            -- Whoever cancels by hand gets the error.
            if not credits_internal.time_is_up(0.9) then
                raise;
            end if;

            perform credits_internal.failed_turn(
                'check_ledger', credits_internal.nil_uuid(), null, sqlerrm
            );
    end;

    -- Waiting callbacks are applied before anything times out; alerts are judged last, by what
    -- the other tasks have left.
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
        'apply_allowances',
        count(*)
    from credits.apply_allowances();

    return query
    select
        'expire_user_credits',
        count(*)
    from credits.expire_user_credits();

    return query
    select
        'purge_history',
        credits.purge_history();

    return query
    select
        'check_alerts',
        coalesce(sum(c.opened + c.resolved), 0)::bigint
    from credits.check_alerts() as c;
end
$run_maintenance$;

comment on function credits.run_maintenance is
'Run every maintenance task once, in one transaction: check the ledger (100 users), apply waiting '
'callbacks, time out stuck generations, retry refunds, grant allowances, expire credits, purge '
'history, judge the alerts. It never pays refunds that are under review. Each task handles at most '
'its default p_limit, and ends after its first turn where more than half of statement_timeout has '
'passed; pgcredits maintain gives each a transaction of its own, and drains what is due. One row '
'per task: how many rows its function returned; for purge_history, what it returned; for '
'check_alerts, how many alerts were opened and resolved. Call it in FROM.';

revoke all on function credits.run_maintenance from public;
grant execute on function credits.run_maintenance to credits_operator;
