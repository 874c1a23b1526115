-- Whether something that a task of maintenance has to do has been due for too long.

create or replace function credits_internal.maintenance_behind_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $maintenance_behind_condition$
    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_message => format(
                'maintenance is behind for longer than %s: %s',
                r.time_window,
                string_agg(b.task, ', ' order by b.due_at)
            ),
            p_metadata => jsonb_object_agg(b.task, credits_internal.utc_text(b.due_at))
        )
    from credits.alert_rules as r
    inner join credits_monitoring.maintenance_backlog as b on b.due_at <= p_now - r.time_window
    where
        r.type = 'maintenance_behind'
        and r.enabled
    group by
        r.type,
        r.time_window
$maintenance_behind_condition$;

comment on function credits_internal.maintenance_behind_condition is
'The condition of maintenance_behind, where it holds at this time.';

revoke all on function credits_internal.maintenance_behind_condition from public;
