-- Whether refunds that nobody reviews have been owed for too long.

create or replace function credits_internal.refund_overdue_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refund_overdue_condition$
    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_message => format(
                '%s refunds have been owed for longer than %s', count(*), r.time_window
            ),
            p_metadata => jsonb_build_object(
                'generations', count(*),
                'owed_since', credits_internal.utc_text(min(g.refund_owed_since))
            )
        )
    from credits.alert_rules as r
    inner join credits.generations as g
        on
            g.refund_owed_since <= p_now - r.time_window
            and not g.owed_review
    where
        r.type = 'refund_overdue'
        and r.enabled
    group by r.type
$refund_overdue_condition$;

comment on function credits_internal.refund_overdue_condition is
'The condition of refund_overdue, where it holds at this time.';

revoke all on function credits_internal.refund_overdue_condition from public;
