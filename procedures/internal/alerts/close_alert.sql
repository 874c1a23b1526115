-- Resolve an open alert whose cause is gone.

create or replace function credits_internal.close_alert(
    p_user_id uuid,
    p_type text,
    p_dedup_key text
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $close_alert$
declare
    v_now constant timestamptz := credits_internal.clock();
begin
    update credits.system_alerts as a
    set
        resolved_at = v_now,
        resolved_by = 'pgcredits'
    where
        a.user_id = p_user_id
        and a.type = p_type
        and a.dedup_key = p_dedup_key
        and a.resolved_at is null;
end
$close_alert$;

comment on function credits_internal.close_alert is
'Resolve the open alert of this user, type and key, if there is one.';

revoke all on function credits_internal.close_alert from public;
