-- What providers billed, day by day, for generations that failed and were given back.

create or replace function credits_internal.absorbed_costs(
    p_first_day date,
    p_last_day date,
    p_time_zone text
)
returns table (
    day date,
    cost_usd numeric
)
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $absorbed_costs$
    select
        d.day::date,
        coalesce(sum(g.cost_usd), 0)
    from generate_series(p_first_day::timestamp, p_last_day, interval '1 day') as d (day)
    left join lateral (
        select f.cost_usd
        from credits_monitoring.generation_facts as f
        where
            f.finished_at >= d.day at time zone p_time_zone
            and f.finished_at < (d.day + interval '1 day') at time zone p_time_zone
            and f.is_absorbed
        -- offset 0 keeps the planner from pulling this up: each day reads only its own part of
        -- the index.
        offset 0
    ) as g on true
    group by d.day
$absorbed_costs$;

comment on function credits_internal.absorbed_costs is
'US dollars absorbed on each day from the first to the last, 0 where none; days in this time zone.';

revoke all on function credits_internal.absorbed_costs from public;
