-- Providers of which each of the last generations failed by the provider's fault.

create or replace function credits_internal.provider_down_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $provider_down_condition$
    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_provider => f.provider,
            p_message => format(
                'the last %s generations of %s failed by its fault', f.in_a_row, f.provider
            ),
            p_metadata => jsonb_build_object(
                'in_a_row', f.in_a_row,
                'last_other_at', credits_internal.utc_text(f.last_other_at)
            )
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
        group by
            g.provider,
            g.last_other_at
    ) as f
    where
        r.type = 'provider_down'
        and r.enabled
        and f.in_a_row >= r.threshold
$provider_down_condition$;

comment on function credits_internal.provider_down_condition is
'The condition of provider_down for each provider of which it holds at this time.';

revoke all on function credits_internal.provider_down_condition from public;
