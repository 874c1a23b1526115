-- Delete alerts that were resolved long ago.

create or replace function credits_internal.purge_resolved_alerts(
    p_limit integer
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $purge_resolved_alerts$
declare
    v_before constant timestamptz := credits_internal.clock() - (
        select s.keep_resolved_alerts
        from credits.settings as s
    );
    v_position credits.purge_positions;
    v_from timestamptz;
    v_deleted bigint;
begin
    if v_before is null then
        return 0;
    end if;

    v_position := credits_internal.lock_purge_position('resolved alerts');

    -- Another run is at it.
    if v_position.history is null then
        return 0;
    end if;

    v_from := coalesce(v_position.purged_to, '-infinity');

    delete from credits.system_alerts as a
    using (
        select
            r.user_id,
            r.alert_id
        from credits.system_alerts as r
        where
            r.resolved_at >= v_from
            and r.resolved_at < v_before
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
                a.resolved_at >= v_from
                and a.resolved_at < v_before
        ),
        v_before
    )
    where
        p.history = 'resolved alerts'
        and v_deleted > 0;

    return v_deleted;
end
$purge_resolved_alerts$;

comment on function credits_internal.purge_resolved_alerts is
'Delete alerts that were resolved longer ago than settings.keep_resolved_alerts, up to p_limit, '
'and return how many.';

revoke all on function credits_internal.purge_resolved_alerts from public;
