-- Resolve an open alert whose cause is gone.
--
-- Whoever holds the alert locked keeps nobody waiting: the resolution is put off until the next
-- check_alerts.

create or replace function credits_internal.close_alert(
    p_user_id uuid,
    p_type text,
    p_dedup_key text,
    p_not_before timestamptz default null
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '1ms'
as $close_alert$
begin
    if p_not_before > credits_internal.clock() then
        perform credits_internal.put_alert_off(
            p_user_id, p_type, p_dedup_key, p_not_before => p_not_before
        );

        return;
    end if;

    begin
        perform credits_internal.write_resolution(p_user_id, p_type, p_dedup_key);

        -- Whatever still waits to be written is older than this.
        delete from credits.waiting_alerts as w
        where
            w.user_id = p_user_id
            and w.type = p_type
            and w.dedup_key = p_dedup_key;

        return;
    exception
        when lock_not_available then
            null;
    end;

    perform credits_internal.put_alert_off(p_user_id, p_type, p_dedup_key);
end
$close_alert$;

comment on function credits_internal.close_alert is
'Resolve the open alert of this user, type and key, if there is one. Where somebody holds it '
'locked, the next check_alerts resolves it. p_not_before: leave it to check_alerts until then; an '
'alert that is raised again before stays open.';

revoke all on function credits_internal.close_alert from public;
