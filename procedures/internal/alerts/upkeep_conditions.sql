-- What about the platform itself calls for an alert now.

create or replace function credits_internal.upkeep_conditions(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $upkeep_conditions$
    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        '',
        null::credits.alert_level,
        null::text,
        format('%s generations are in flight past their deadline', count(*)),
        jsonb_build_object(
            'generations', count(*),
            'deadline_at', credits_internal.utc_text(min(g.deadline_at))
        )
    from credits.alert_rules as r
    inner join credits.generations as g
        on
            g.finished_at is null
            and g.deadline_at <= p_now
    where
        r.type = 'generation_stuck'
        and r.enabled
    group by r.type

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        '',
        null,
        null,
        format('check_ledger found violations for %s users', count(*)),
        jsonb_build_object('users', count(*), 'violations', sum(c.violations))
    from credits.alert_rules as r
    inner join credits.ledger_checks as c on c.violations > 0
    where
        r.type = 'ledger_violation'
        and r.enabled
    group by r.type

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        '',
        null,
        null,
        format(
            'providers billed %s USD today for what was given back; the median of the days before '
            'is %s',
            round(t.cost_usd, 2),
            round(m.median_usd, 2)
        ),
        jsonb_build_object('cost_usd', t.cost_usd, 'median_usd', m.median_usd)
    from credits.alert_rules as r
    cross join credits.settings as s
    cross join lateral (
        select (p_now at time zone s.business_time_zone)::date as today
    ) as d
    cross join lateral (
        select coalesce(sum(a.cost_usd), 0) as cost_usd
        from credits_internal.absorbed_costs(d.today, d.today, s.business_time_zone) as a
    ) as t
    -- The days before are read only where today is above the floor; else there is no median.
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
$upkeep_conditions$;

comment on function credits_internal.upkeep_conditions is
'The conditions of generation_stuck, ledger_violation and absorbed_cost_high that hold at this '
'time.';

revoke all on function credits_internal.upkeep_conditions from public;
