-- Write to system_alerts that the cause of an alert is gone.
--
-- Errors: 55P03 where somebody holds the alert locked.

create or replace function credits_internal.write_resolution(
    p_user_id uuid,
    p_type text,
    p_dedup_key text
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $write_resolution$
declare
    v_now constant timestamptz := credits_internal.clock();
begin
    -- The update below would wait for whoever holds the alert.
    perform
    from credits.system_alerts as a
    where
        a.user_id = p_user_id
        and a.type = p_type
        and a.dedup_key = p_dedup_key
        and a.resolved_at is null
    for no key update nowait;

    update credits.system_alerts as a
    set
        resolved_at = v_now,
        resolved_by = 'pgcredits'
    where
        a.user_id = p_user_id
        and a.type = p_type
        and a.dedup_key = p_dedup_key
        and a.resolved_at is null;

    return found;
end
$write_resolution$;

comment on function credits_internal.write_resolution is
'Resolve the open alert of this user, type and key, and return whether there was one. Raises '
'55P03 where it is locked.';

revoke all on function credits_internal.write_resolution from public;
