-- Whether providers billed unusually much today for generations that were given back.

create or replace function credits_internal.absorbed_cost_high_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $absorbed_cost_high_condition$
    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_message => format(
                'providers billed %s USD today for generations that were given back; the median '
                'of the days before is %s',
                round(t.cost_usd, 2),
                round(m.median_usd, 2)
            ),
            p_metadata => jsonb_build_object('cost_usd', t.cost_usd, 'median_usd', m.median_usd)
        )
    from credits.alert_rules as r
    cross join credits.settings as s
    cross join lateral (
        select (p_now at time zone s.business_time_zone)::date as today
    ) as d
    cross join lateral (
        select coalesce(sum(a.cost_usd), 0) as cost_usd
        from credits_internal.absorbed_costs(d.today, d.today, s.business_time_zone) as a
    ) as t
    -- The days before are read only where today is above the floor; else the median is null,
    -- and no alert opens.
    cross join lateral (
        select percentile_cont(0.5) within group (order by a.cost_usd)::numeric as median_usd
        from credits_internal.absorbed_costs(
            (d.today - r.time_window)::date, d.today - 1, s.business_time_zone
        ) as a
        where t.cost_usd > coalesce(r.floor_usd, 0)
    ) as m
    where
        r.type = 'absorbed_cost_high'
        and r.enabled
        and t.cost_usd > m.median_usd * r.threshold
$absorbed_cost_high_condition$;

comment on function credits_internal.absorbed_cost_high_condition is
'The condition of absorbed_cost_high, where it holds at this time.';

revoke all on function credits_internal.absorbed_cost_high_condition from public;
