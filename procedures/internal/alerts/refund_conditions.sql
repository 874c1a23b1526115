-- What about refunds calls for an alert now.

create or replace function credits_internal.refund_conditions(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refund_conditions$
    -- Those that are open are older than the rule allows.
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

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        '',
        null,
        null,
        format('%s refunds have been owed for longer than %s', count(*), r.time_window),
        jsonb_build_object(
            'generations', count(*),
            'owed_since', credits_internal.utc_text(min(g.refund_owed_since))
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

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        '',
        case
            when f.pct > t.target_pct * r.critical_factor
                then 'critical'::credits.alert_level
        end,
        null,
        format(
            '%s of %s generations that finished within %s were refunded: %s %%, target %s %%',
            f.refunded,
            f.finished,
            r.time_window,
            round(f.pct, 1),
            t.target_pct
        ),
        jsonb_build_object(
            'finished', f.finished, 'refunded', f.refunded, 'target_pct', t.target_pct
        )
    from credits.alert_rules as r
    cross join credits.settings as s
    cross join lateral (select coalesce(r.threshold, s.refund_rate_target_pct) as target_pct) as t
    cross join lateral (
        select
            count(*) as finished,
            count(*) filter (where g.is_refunded) as refunded,
            100.0 * count(*) filter (where g.is_refunded) / nullif(count(*), 0) as pct
        from credits_monitoring.generation_facts as g
        where
            g.finished_at > p_now - r.time_window
            and g.is_finished
    ) as f
    where
        r.type = 'refund_rate_high'
        and r.enabled
        and f.finished >= coalesce(r.min_samples, 1)
        and f.pct > t.target_pct

    union all

    select
        r.type,
        f.user_id,
        '',
        null,
        null,
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
$refund_conditions$;

comment on function credits_internal.refund_conditions is
'The conditions of refund_failed, refund_overdue, refund_rate_high and repeated_refunds that hold '
'at this time.';

revoke all on function credits_internal.refund_conditions from public;
