-- Tell the listeners what became of an alert.

create or replace function credits_internal.announce_alert()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $announce_alert$
declare
    v_event constant text := case
        when tg_op = 'INSERT' then 'opened'
        when old.resolved_at is not null then null
        when new.resolved_at is not null then 'resolved'
        when new.level > old.level then 'escalated'
        when new.notified_at > old.notified_at then 'due_again'
    end;
begin
    -- Whoever may connect can listen, stay in a transaction, and so keep the queue from being
    -- emptied. A full one raises at COMMIT, where nothing can be caught: NOTIFY keeps far from
    -- that, and who follows the alerts looks from time to time without one.
    if v_event is null
        or not (select s.notify_alerts from credits.settings as s)
        or pg_notification_queue_usage() >= 0.5
    then
        return null;
    end if;

    -- LISTEN needs no privilege: nothing of the user goes into it. A reader fetches the row.
    perform pg_notify(
        'credits_alerts',
        json_build_object(
            'v', 2,
            'event', v_event,
            'alert_id', new.alert_id,
            -- The time that stands in the row: whoever polls the table, too, knows by it that this
            -- is the same event.
            'at', credits_internal.utc_text(
                case v_event
                    when 'opened' then new.created_at
                    when 'resolved' then new.resolved_at
                    else new.notified_at
                end
            )
        )::text
    );

    return null;
end
$announce_alert$;

comment on function credits_internal.announce_alert is
'Send NOTIFY credits_alerts for an alert that was opened, escalated or resolved, or is due again, '
'while the queue is less than half full.';

revoke all on function credits_internal.announce_alert from public;

create or replace trigger announce
after insert or update on credits.system_alerts
for each row execute function credits_internal.announce_alert();
