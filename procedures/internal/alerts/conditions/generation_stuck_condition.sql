-- Whether generations are in flight past their deadline.

create or replace function credits_internal.generation_stuck_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $generation_stuck_condition$
    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_message => format('%s generations are in flight past their deadline', count(*)),
            p_metadata => jsonb_build_object(
                'generations', count(*),
                'deadline_at', credits_internal.utc_text(min(g.deadline_at))
            )
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
$generation_stuck_condition$;

comment on function credits_internal.generation_stuck_condition is
'The condition of generation_stuck, where it holds at this time.';

revoke all on function credits_internal.generation_stuck_condition from public;
