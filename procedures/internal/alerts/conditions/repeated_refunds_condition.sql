-- Users who had too many refunds lately.

create or replace function credits_internal.repeated_refunds_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $repeated_refunds_condition$
    select
        r.type,
        f.user_id,
        '',
        null::credits.alert_level,
        null::text,
        format('%s refunds within %s', f.refunds, r.time_window),
        jsonb_build_object('refunds', f.refunds, 'credits', f.credits)
    from credits.alert_rules as r
    cross join lateral (
        select
            t.user_id,
            count(*) as refunds,
            sum(t.credits) as credits
        from credits.credit_transactions as t
        where
            t.transaction_type = 'refund'
            and t.created_at > p_now - r.time_window
        group by t.user_id
    ) as f
    where
        r.type = 'repeated_refunds'
        and r.enabled
        and f.refunds > r.threshold
$repeated_refunds_condition$;

comment on function credits_internal.repeated_refunds_condition is
'The condition of repeated_refunds for each user of whom it holds at this time.';

revoke all on function credits_internal.repeated_refunds_condition from public;
