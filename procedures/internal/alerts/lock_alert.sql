-- Lock one alert.
--
-- Errors: PT422 invalid_argument, PT404 alert_not_found.

create or replace function credits_internal.lock_alert(
    p_user_id uuid,
    p_alert_id uuid
)
returns credits.system_alerts
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_alert$
declare
    v_alert credits.system_alerts;
begin
    if p_user_id is null or p_alert_id is null then
        perform credits_internal.refuse_argument(
            case when p_user_id is null then 'p_user_id' else 'p_alert_id' end,
            null,
            'is null',
            'Pass the user_id and the alert_id of one row of system_alerts.'
        );
    end if;

    select a.*
    into v_alert
    from credits.system_alerts as a
    where
        a.user_id = p_user_id
        and a.alert_id = p_alert_id
    for no key update;

    if not found then
        perform credits_internal.refuse(
            p_sqlstate => 'PT404',
            p_code => 'alert_not_found',
            p_message => 'there is no such alert',
            p_hint => 'Pass the user_id and the alert_id of one row of system_alerts; the user of '
                'an alert about the platform is the nil uuid.',
            p_figures => jsonb_build_object('alert_id', p_alert_id)
        );
    end if;

    return v_alert;
end
$lock_alert$;

comment on function credits_internal.lock_alert is
'Lock one alert and return it; refuses with PT404 where there is none.';

revoke all on function credits_internal.lock_alert from public;
