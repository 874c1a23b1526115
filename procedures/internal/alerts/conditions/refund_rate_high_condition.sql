-- Whether too large a share of the generations that finished lately was refunded.

create or replace function credits_internal.refund_rate_high_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refund_rate_high_condition$
    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_level => case
                when f.pct > t.target_pct * r.critical_factor
                    then 'critical'::credits.alert_level
            end,
            p_message => format(
                '%s of %s generations that finished within %s were refunded: %s %%, target %s %%',
                f.refunded,
                f.finished,
                r.time_window,
                round(f.pct, 1),
                t.target_pct
            ),
            p_metadata => jsonb_build_object(
                'finished', f.finished, 'refunded', f.refunded, 'target_pct', t.target_pct
            )
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
$refund_rate_high_condition$;

comment on function credits_internal.refund_rate_high_condition is
'The condition of refund_rate_high, where it holds at this time.';

revoke all on function credits_internal.refund_rate_high_condition from public;
