-- Judge the rules: open what calls for an alert now, resolve what no longer does.
--
-- Two sessions may judge at once, and nothing keeps the others out: a lock could be held for ever.
-- An older judgement gives way to a newer one: it opens nothing that has been resolved since, and
-- resolves nothing that has been raised since. Nor does it wait for an alert that somebody holds
-- locked.

create or replace function credits.check_alerts()
returns setof credits.alert_check
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $check_alerts$
declare
    v_written credits.alert_check[];
    v_now timestamptz;
    v_judged text[];
    v_types text[];
    v_conditions credits_internal.alert_condition[];
    v_opened text[];
    v_resolved text[];
begin
    v_written := array(
        select w
        from credits_internal.write_waiting_alerts() as w
    );
    v_now := credits_internal.clock();

    select coalesce(array_agg(c), '{}')
    into v_conditions
    from credits_internal.alert_conditions(v_now) as c;

    v_opened := credits_internal.open_conditions(v_conditions, v_now);

    select array_agg(t.type)
    into v_judged
    from credits.alert_types as t
    where t.is_judged;

    select v_judged || array_agg(r.type)
    into v_types
    from credits.alert_rules as r
    where r.quiet_after is not null;

    -- An alert that another session has locked is skipped until the next run, so that its holder
    -- does not keep the others from being judged.
    with gone as (
        select
            a.user_id,
            a.alert_id
        from credits.system_alerts as a
        where
            a.resolved_at is null
            -- low_balance alerts, up to one for each user, are not of these types and not read.
            and a.type = any (v_types)
            and a.last_seen_at <= v_now
            and (
                a.type = any (v_judged)
                or a.last_seen_at <= (
                    select v_now - r.quiet_after
                    from credits.alert_rules as r
                    where r.type = a.type
                )
            )
            -- What goes on unchanged is not written again, and so was last seen long ago.
            and (a.user_id, a.type, a.dedup_key) not in (
                select
                    c.user_id,
                    c.type,
                    c.dedup_key
                from unnest(v_conditions) as c
            )
        for no key update skip locked
    ),

    resolved as (
        update credits.system_alerts as a
        set
            resolved_at = v_now,
            resolved_by = 'pgcredits'
        from gone as g
        where
            a.user_id = g.user_id
            and a.alert_id = g.alert_id
        returning a.type
    )

    select array_agg(r.type)
    into v_resolved
    from resolved as r;

    with due as (
        select
            a.user_id,
            a.alert_id
        from credits.system_alerts as a
        inner join credits.alert_rules as r on a.type = r.type
        where
            a.resolved_at is null
            and a.acknowledged_at is null
            and a.notified_at <= v_now - r.renotify_after
            and r.enabled
        for no key update of a skip locked
    )

    update credits.system_alerts as a
    set notified_at = v_now
    from due as d
    where
        a.user_id = d.user_id
        and a.alert_id = d.alert_id;

    return query
    select
        c.type,
        sum(c.opened)::bigint,
        sum(c.resolved)::bigint
    from (
        select
            w.type,
            w.opened,
            w.resolved
        from unnest(v_written) as w
        union all
        select
            o.type,
            1 as opened,
            0 as resolved
        from unnest(v_opened) as o (type)
        union all
        select
            r.type,
            0 as opened,
            1 as resolved
        from unnest(v_resolved) as r (type)
    ) as c
    group by c.type
    order by c.type;
end
$check_alerts$;

comment on function credits.check_alerts is
'Judge alert_rules now: open, escalate and resolve alerts, write what other calls could not while '
'somebody held an alert locked, and tell listeners again of those that '
'nobody has acknowledged. One row for each type that was opened or resolved. It reads no more than '
'the rules'' time windows. Safe to run twice at once. Call it in FROM.';

revoke all on function credits.check_alerts from public;
grant execute on function credits.check_alerts to credits_operator;
