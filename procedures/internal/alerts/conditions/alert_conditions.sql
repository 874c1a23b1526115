-- All conditions that call for an alert now.

create or replace function credits_internal.alert_conditions(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $alert_conditions$
    select * from credits_internal.refund_failed_condition(p_now)
    union all
    select * from credits_internal.refund_overdue_condition(p_now)
    union all
    select * from credits_internal.refund_rate_high_condition(p_now)
    union all
    select * from credits_internal.repeated_refunds_condition(p_now)
    union all
    select * from credits_internal.provider_failure_rate_condition(p_now)
    union all
    select * from credits_internal.provider_down_condition(p_now)
    union all
    select * from credits_internal.provider_out_of_credits_condition(p_now)
    union all
    select * from credits_internal.callback_unmatched_condition(p_now)
    union all
    select * from credits_internal.generation_stuck_condition(p_now)
    union all
    select * from credits_internal.maintenance_behind_condition(p_now)
    union all
    select * from credits_internal.ledger_violation_condition()
    union all
    select * from credits_internal.purchase_key_shared_condition(p_now)
    union all
    select * from credits_internal.absorbed_cost_high_condition(p_now)
$alert_conditions$;

comment on function credits_internal.alert_conditions is
'The conditions that hold at this time: of all types that check_alerts judges, and of open '
'refund_failed alerts that have become critical.';

revoke all on function credits_internal.alert_conditions from public;
