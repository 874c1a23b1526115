-- Open an alert, or note that an open one came again.
--
-- Whoever holds the alert locked keeps nobody waiting: what is to be written is put off until the
-- next check_alerts.

create or replace function credits_internal.open_alert(
    p_user_id uuid,
    p_type text,
    p_message text,
    p_level credits.alert_level default null,
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
set lock_timeout = '1ms'
as $open_alert$
declare
    v_alert_id uuid;
begin
    begin
        v_alert_id := (
            credits_internal.write_alert(
                p_user_id => p_user_id,
                p_type => p_type,
                p_message => p_message,
                p_level => p_level,
                p_dedup_key => p_dedup_key,
                p_generation_id => p_generation_id,
                p_provider => p_provider,
                p_metadata => p_metadata
            )
        ).alert_id;

        -- A resolution that still waits is older than this.
        delete from credits.waiting_alerts as w
        where
            w.user_id = p_user_id
            and w.type = p_type
            and w.dedup_key = p_dedup_key
            and w.message is null;

        return v_alert_id;
    exception
        when lock_not_available then
            null;
    end;

    perform credits_internal.put_alert_off(
        p_user_id => p_user_id,
        p_type => p_type,
        p_dedup_key => p_dedup_key,
        p_message => p_message,
        p_level => p_level,
        p_generation_id => p_generation_id,
        p_provider => p_provider,
        p_metadata => p_metadata
    );

    -- The alert that is locked; none can be seen where it is only just being opened.
    return (
        select a.alert_id
        from credits.system_alerts as a
        where
            a.user_id = p_user_id
            and a.type = p_type
            and a.dedup_key = p_dedup_key
            and a.resolved_at is null
    );
end
$open_alert$;

comment on function credits_internal.open_alert is
'Open an alert by the rule of its type, or count it again where one of this user, type and key is '
'open; returns its id, null where the rule is not enabled. p_level: null = the rule''s. Where '
'somebody holds the alert locked, the next check_alerts writes it.';

revoke all on function credits_internal.open_alert from public;
