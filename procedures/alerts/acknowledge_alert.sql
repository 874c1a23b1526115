-- Note that somebody takes care of an alert.
--
-- Errors: PT422 invalid_argument, PT404 alert_not_found.

create or replace function credits.acknowledge_alert(
    p_user_id uuid,
    p_alert_id uuid,
    p_by text
)
returns credits.system_alerts
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $acknowledge_alert$
declare
    v_alert credits.system_alerts;
    v_now timestamptz;
begin
    perform credits_internal.require_word('p_by', p_by, 100, 'Say who takes care of the alert.');

    v_alert := credits_internal.lock_alert(p_user_id, p_alert_id);

    -- The first acknowledgement stands, and a resolved alert needs none.
    if v_alert.acknowledged_at is not null or v_alert.resolved_at is not null then
        return v_alert;
    end if;

    v_now := credits_internal.clock();

    update credits.system_alerts as a
    set
        acknowledged_at = v_now,
        acknowledged_by = p_by
    where
        a.user_id = p_user_id
        and a.alert_id = p_alert_id
    returning a.* into strict v_alert;

    return v_alert;
end
$acknowledge_alert$;

comment on function credits.acknowledge_alert is
'Say who takes care of an alert: listeners are not told of it again unless it escalates. The first '
'acknowledgement stands, and a resolved alert stays as it is. Returns the alert as it is then. '
'Errors: PT422 invalid_argument, PT404 alert_not_found. Call it in FROM.';

revoke all on function credits.acknowledge_alert from public;
grant execute on function credits.acknowledge_alert to credits_operator;
