-- Do everything that has to be done from time to time.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.run_maintenance(
    p_task text default null
)
returns setof credits.maintenance_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $run_maintenance$
declare
    -- What waits is applied before anything times out, and alerts judge what is left of it all.
    v_tasks constant text[] := array[
        'apply_waiting_callbacks', 'sweep_stuck_generations', 'retry_failed_refunds',
        'expire_user_credits', 'apply_monthly_allowances', 'check_ledger', 'check_alerts'
    ];
    v_task text;
    v_affected bigint;
    v_now timestamptz;
begin
    if not p_task = any (v_tasks) then
        perform credits_internal.refuse_argument(
            'p_task',
            p_task,
            'is no task',
            format('Pass null for all, or one of %s.', array_to_string(v_tasks, ', '))
        );
    end if;

    foreach v_task in array v_tasks loop
        continue when v_task <> p_task;

        case v_task
            when 'apply_waiting_callbacks' then
                perform credits.apply_waiting_callbacks();
            when 'sweep_stuck_generations' then
                perform credits.sweep_stuck_generations();
            when 'retry_failed_refunds' then
                perform credits.retry_failed_refunds();
            when 'expire_user_credits' then
                perform credits.expire_user_credits();
            when 'apply_monthly_allowances' then
                perform credits.apply_monthly_allowances();
            when 'check_ledger' then
                perform credits.check_ledger();
            when 'check_alerts' then
                perform credits.check_alerts();
        end case;

        get diagnostics v_affected = row_count;
        v_now := credits_internal.clock();

        insert into credits.maintenance_runs as m (task, last_run_at, affected)
        values (v_task, v_now, v_affected)
        on conflict (task) do update
        set
            last_run_at = excluded.last_run_at,
            affected = excluded.affected;

        return next row(v_task, v_affected)::credits.maintenance_result;
    end loop;
end
$run_maintenance$;

comment on function credits.run_maintenance is
'Do what has to be done from time to time: apply waiting callbacks, give up on what is stuck, retry '
'refunds, expire credits, grant allowances, check the ledger, judge the alerts. It never settles '
'what is under review. p_task: one of these only, so that each can have a transaction of its own. '
'One row for each: how many rows its function returned. Errors: PT422 invalid_argument. Call it in '
'FROM.';

revoke all on function credits.run_maintenance from public;
grant execute on function credits.run_maintenance to credits_operator;
