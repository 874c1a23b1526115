-- Open an alert, or note that an open one came again.

create or replace function credits_internal.open_alert(
    p_user_id uuid,
    p_type text,
    p_level credits.alert_level,
    p_message text,
    p_dedup_key text default '',
    p_generation_id uuid default null,
    p_provider text default null,
    p_metadata jsonb default '{}'
)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $open_alert$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_alert_id uuid := credits_internal.uuid_v7(v_now);
begin
    insert into credits.system_alerts as a (
        user_id,
        alert_id,
        level,
        generation_id,
        created_at,
        first_seen_at,
        last_seen_at,
        type,
        dedup_key,
        message,
        provider,
        metadata
    )
    values (
        p_user_id,
        v_alert_id,
        p_level,
        p_generation_id,
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
        -- It escalates, and calms down by being resolved.
        level = greatest(a.level, excluded.level),
        message = excluded.message,
        metadata = excluded.metadata
    returning a.alert_id into strict v_alert_id;

    return v_alert_id;
end
$open_alert$;

comment on function credits_internal.open_alert is
'Open an alert, or count it again where one of this user, type and key is open; returns its id.';

revoke all on function credits_internal.open_alert from public;
