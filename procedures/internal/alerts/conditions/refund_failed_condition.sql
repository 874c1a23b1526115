-- Open refund_failed alerts whose refund has been owed for longer than the rule allows.

create or replace function credits_internal.refund_failed_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refund_failed_condition$
    select
        a.type,
        a.user_id,
        a.dedup_key,
        'critical'::credits.alert_level,
        a.provider,
        a.message,
        a.metadata
    from credits.alert_rules as r
    inner join credits.system_alerts as a on r.type = a.type
    where
        r.type = 'refund_failed'
        and r.enabled
        and a.resolved_at is null
        and a.first_seen_at <= p_now - r.time_window
$refund_failed_condition$;

comment on function credits_internal.refund_failed_condition is
'The open alerts of refund_failed that are older than the rule allows, as critical ones.';

revoke all on function credits_internal.refund_failed_condition from public;
