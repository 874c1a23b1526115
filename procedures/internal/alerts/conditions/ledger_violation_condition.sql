-- Whether check_ledger has found violations.

create or replace function credits_internal.ledger_violation_condition()
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $ledger_violation_condition$
    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_message => format('check_ledger found violations for %s users', count(*)),
            p_metadata => jsonb_build_object('users', count(*), 'violations', sum(c.violations))
        )
    from credits.alert_rules as r
    inner join credits.ledger_checks as c on c.violations > 0
    where
        r.type = 'ledger_violation'
        and r.enabled
    group by r.type
$ledger_violation_condition$;

comment on function credits_internal.ledger_violation_condition is
'The condition of ledger_violation, where it holds now.';

revoke all on function credits_internal.ledger_violation_condition from public;
