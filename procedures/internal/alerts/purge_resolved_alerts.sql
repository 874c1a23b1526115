-- Delete alerts that were resolved long ago.

create or replace function credits_internal.purge_resolved_alerts(
    p_limit integer,
    p_from timestamptz,
    p_before timestamptz
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $purge_resolved_alerts$
declare
    v_deleted bigint;
begin
    delete from credits.system_alerts as a
    using (
        select
            r.user_id,
            r.alert_id
        from credits.system_alerts as r
        where
            r.resolved_at >= p_from
            and r.resolved_at < p_before
        order by r.resolved_at
        limit p_limit
        for update skip locked
    ) as o
    where
        a.user_id = o.user_id
        and a.alert_id = o.alert_id;

    get diagnostics v_deleted = row_count;

    -- What was deleted is not read again, even while an old snapshot keeps it.
    update credits.purge_positions as p
    set purged_to = coalesce(
        (
            select min(a.resolved_at)
            from credits.system_alerts as a
            where
                a.resolved_at >= p_from
                and a.resolved_at < p_before
        ),
        p_before
    )
    where
        p.history = 'resolved alerts'
        and v_deleted > 0;

    return v_deleted;
end
$purge_resolved_alerts$;

comment on function credits_internal.purge_resolved_alerts is
'Delete alerts that were resolved between these times, up to p_limit, note how far it has come, '
'and return how many.';

revoke all on function credits_internal.purge_resolved_alerts from public;
