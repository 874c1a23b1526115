-- Send one NOTIFY of an alert.

create or replace function credits_internal.notify_of_alert(
    p_event text,
    p_alert_id uuid,
    p_at timestamptz
)
returns void
language sql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $notify_of_alert$
    -- LISTEN needs no privilege: nothing of the user goes into it. A reader fetches the row.
    select pg_notify(
        'credits_alerts',
        json_build_object(
            'v', 2,
            'event', p_event,
            'alert_id', p_alert_id,
            -- The time that stands in the row: whoever polls the table, too, knows by it that this
            -- is the same event.
            'at', credits_internal.utc_text(p_at)
        )::text
    )
$notify_of_alert$;

comment on function credits_internal.notify_of_alert is
'Send NOTIFY credits_alerts with the event of an alert, its id and the time of the event.';

revoke all on function credits_internal.notify_of_alert from public;
