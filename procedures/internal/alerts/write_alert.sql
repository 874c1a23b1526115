-- Write to system_alerts that something calls for an alert.
--
-- Errors: 55P03 where somebody holds the alert locked, or, after lock_timeout, just opens it.

create or replace function credits_internal.write_alert(
    p_user_id uuid,
    p_type text,
    p_message text,
    p_level credits.alert_level,
    p_dedup_key text,
    p_generation_id uuid,
    p_provider text,
    p_metadata jsonb
)
returns credits.system_alerts
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $write_alert$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_alert_id constant uuid := credits_internal.uuid_v7(v_now);
    v_rule record;
    v_alert credits.system_alerts;
begin
    select
        r.enabled,
        r.level,
        r.renotify_after
    into v_rule
    from credits.alert_rules as r
    where r.type = p_type;

    if not v_rule.enabled then
        return null;
    end if;

    -- The insert below would wait for whoever holds the alert.
    perform
    from credits.system_alerts as a
    where
        a.user_id = p_user_id
        and a.type = p_type
        and a.dedup_key = p_dedup_key
        and a.resolved_at is null
    for no key update nowait;

    insert into credits.system_alerts as a (
        user_id,
        alert_id,
        level,
        generation_id,
        created_at,
        first_seen_at,
        last_seen_at,
        notified_at,
        type,
        dedup_key,
        message,
        provider,
        metadata
    )
    values (
        p_user_id,
        v_alert_id,
        coalesce(p_level, v_rule.level, 'warning'),
        p_generation_id,
        v_now,
        v_now,
        v_now,
        v_now,
        p_type,
        p_dedup_key,
        p_message,
        p_provider,
        p_metadata
    )
    on conflict (user_id, type, dedup_key) where resolved_at is null do update
    set
        occurrences = a.occurrences + 1,
        last_seen_at = excluded.last_seen_at,
        -- The level of an open alert only rises; it ends when the alert is resolved.
        level = greatest(a.level, excluded.level),
        notified_at = case
            when excluded.level > a.level then excluded.notified_at
            when a.acknowledged_at is null
                and a.notified_at + v_rule.renotify_after <= excluded.notified_at
                then excluded.notified_at
            else a.notified_at
        end,
        message = excluded.message,
        metadata = excluded.metadata
    returning a.* into strict v_alert;

    return v_alert;
end
$write_alert$;

comment on function credits_internal.write_alert is
'Open an alert by the rule of its type, or count it again where one of this user, type and key is '
'open; returns it, all null where the rule is not enabled. Raises 55P03 where it is locked.';

revoke all on function credits_internal.write_alert from public;
