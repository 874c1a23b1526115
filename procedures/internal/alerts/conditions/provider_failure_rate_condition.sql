-- Providers of which too large a share of recent generations failed by the provider's fault.

create or replace function credits_internal.provider_failure_rate_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $provider_failure_rate_condition$
    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_provider => f.provider,
            p_level => case
                when f.pct > r.threshold * r.critical_factor then 'critical'::credits.alert_level
            end,
            p_message => format(
                '%s of %s generations of %s that finished within %s failed by its fault: %s %%',
                f.faults,
                f.finished,
                f.provider,
                r.time_window,
                round(f.pct, 1)
            ),
            p_metadata => jsonb_build_object('finished', f.finished, 'faults', f.faults)
        )
    from credits.alert_rules as r
    cross join lateral (
        select
            g.provider,
            count(*) as finished,
            count(*) filter (where g.is_provider_fault) as faults,
            100.0 * count(*) filter (where g.is_provider_fault) / count(*) as pct
        from credits_monitoring.generation_facts as g
        where
            g.finished_at > p_now - r.time_window
            and g.is_finished
        group by g.provider
    ) as f
    where
        r.type = 'provider_failure_rate'
        and r.enabled
        and f.finished >= coalesce(r.min_samples, 1)
        and f.pct > r.threshold
$provider_failure_rate_condition$;

comment on function credits_internal.provider_failure_rate_condition is
'The condition of provider_failure_rate for each provider of which it holds at this time.';

revoke all on function credits_internal.provider_failure_rate_condition from public;
