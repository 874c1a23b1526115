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
    if v_event is null or not (select s.notify_alerts from credits.settings as s) then
        return null;
    end if;

    -- NOTIFY takes less than 8000 bytes, and a character of a text may need six.
    perform pg_notify(
        'credits_alerts',
        json_build_object(
            'v', 1,
            'event', v_event,
            'alert_id', new.alert_id,
            'user_id', new.user_id,
            'type', left(new.type, 100),
            'level', new.level,
            'dedup_key', left(new.dedup_key, 200),
            'provider', left(new.provider, 100),
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
'Send NOTIFY credits_alerts for an alert that was opened, escalated or resolved, or is due again.';

revoke all on function credits_internal.announce_alert from public;

create or replace trigger announce
after insert or update on credits.system_alerts
for each row execute function credits_internal.announce_alert();
