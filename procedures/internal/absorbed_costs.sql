-- What providers billed, day by day, for what did not succeed and was given back.

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
    with costs as (
        select
            (g.finished_at at time zone p_time_zone)::date as day,
            sum(coalesce(g.cost_usd, g.quoted_cost_usd)) as cost_usd
        from credits.generations as g
        inner join credits.refund_totals as r
            on
                g.user_id = r.user_id
                and g.charge_transaction_id = r.transaction_id
        where
            g.finished_at >= p_first_day::timestamp at time zone p_time_zone
            and g.finished_at < (p_last_day + 1)::timestamp at time zone p_time_zone
            and g.status <> 'succeeded'
            and g.provider_billed
            and r.refunded > 0
        group by 1
    )

    select
        d.day::date,
        coalesce(c.cost_usd, 0)
    from generate_series(p_first_day::timestamp, p_last_day, interval '1 day') as d (day)
    left join costs as c on d.day = c.day
$absorbed_costs$;

comment on function credits_internal.absorbed_costs is
'US dollars absorbed on each day from the first to the last, 0 where none; days in this time zone.';

revoke all on function credits_internal.absorbed_costs from public;
