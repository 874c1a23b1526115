-- What about single providers calls for an alert now.

create or replace function credits_internal.provider_conditions(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $provider_conditions$
    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        f.provider,
        case when f.pct > r.threshold * r.critical_factor then 'critical'::credits.alert_level end,
        f.provider,
        format(
            '%s of %s generations of %s that finished within %s failed by its fault: %s %%',
            f.faults,
            f.finished,
            f.provider,
            r.time_window,
            round(f.pct, 1)
        ),
        jsonb_build_object('finished', f.finished, 'faults', f.faults)
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

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        f.provider,
        null,
        f.provider,
        format('the last %s generations of %s failed by its fault', f.in_a_row, f.provider),
        jsonb_build_object(
            'in_a_row', f.in_a_row,
            'last_other_at', credits_internal.utc_text(f.last_other_at)
        )
    from credits.alert_rules as r
    cross join lateral (
        select
            g.provider,
            g.last_other_at,
            count(*) as in_a_row
        from (
            select
                w.provider,
                w.finished_at,
                max(w.finished_at) filter (where not w.is_provider_fault)
                    over (partition by w.provider) as last_other_at
            from credits_monitoring.generation_facts as w
            where
                w.finished_at > p_now - r.time_window
                and w.is_finished
        ) as g
        where
            g.last_other_at is null
            or g.finished_at > g.last_other_at
        group by g.provider, g.last_other_at
    ) as f
    where
        r.type = 'provider_down'
        and r.enabled
        and f.in_a_row >= r.threshold

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        f.provider,
        null,
        f.provider,
        format('our account with %s is empty: %s generations refused', f.provider, f.refused),
        jsonb_build_object('generations', f.refused)
    from credits.alert_rules as r
    cross join lateral (
        select
            g.provider,
            count(*) as refused
        from credits_monitoring.generation_facts as g
        where
            g.finished_at > p_now - r.time_window
            and g.is_finished
            and g.error_type = 'provider_out_of_credits'
        group by g.provider
    ) as f
    where
        r.type = 'provider_out_of_credits'
        and r.enabled

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        c.provider,
        null,
        c.provider,
        format(
            '%s callbacks of %s have waited for longer than %s for somebody to attach their task',
            count(*),
            c.provider,
            r.time_window
        ),
        jsonb_build_object(
            'callbacks', count(*),
            'waiting_since', credits_internal.utc_text(min(c.received_at))
        )
    from credits.alert_rules as r
    inner join credits.provider_callbacks as c on c.received_at <= p_now - r.time_window
    where
        r.type = 'callback_unmatched'
        and r.enabled
    group by
        r.type,
        r.time_window,
        c.provider
$provider_conditions$;

comment on function credits_internal.provider_conditions is
'The conditions of provider_failure_rate, provider_down, provider_out_of_credits and '
'callback_unmatched that hold at this time.';

revoke all on function credits_internal.provider_conditions from public;
