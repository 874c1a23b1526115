-- Tell the listeners what became of alerts.

create or replace function credits_internal.announce_alert()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $announce_alert$
begin
    -- Whoever may connect can listen, stay in a transaction, and so keep the queue from being
    -- emptied. A full one raises at COMMIT, where nothing can be caught: NOTIFY keeps far from
    -- that, and who follows the alerts looks from time to time without one.
    if not (select s.notify_alerts from credits.settings as s)
        or pg_notification_queue_usage() >= 0.5
    then
        return null;
    end if;

    -- A follower reads all that is new whenever it is told of one: of very many, telling of the
    -- most urgent is enough.
    if tg_op = 'INSERT' then
        perform credits_internal.notify_of_alert('opened', n.alert_id, n.created_at)
        from (
            select
                a.alert_id,
                a.created_at
            from new_alerts as a
            order by a.level desc, a.alert_id
            limit 100
        ) as n;
    else
        perform credits_internal.notify_of_alert(
            c.event,
            c.alert_id,
            case c.event when 'resolved' then c.resolved_at else c.notified_at end
        )
        from (
            select
                e.event,
                n.alert_id,
                n.resolved_at,
                n.notified_at
            from new_alerts as n
            inner join old_alerts as o
                on
                    n.user_id = o.user_id
                    and n.alert_id = o.alert_id
            cross join lateral (
                select
                    case
                        when o.resolved_at is not null then null
                        when n.resolved_at is not null then 'resolved'
                        when n.level > o.level then 'escalated'
                        when n.notified_at > o.notified_at then 'due_again'
                    end as event
            ) as e
            where e.event is not null
            order by n.level desc, n.alert_id
            limit 100
        ) as c;
    end if;

    return null;
end
$announce_alert$;

comment on function credits_internal.announce_alert is
'Send NOTIFY credits_alerts for alerts that were opened, escalated or resolved, or are due again, '
'while the queue is less than half full: for at most a hundred of one statement.';

revoke all on function credits_internal.announce_alert from public;

create or replace trigger announce
after update on credits.system_alerts
referencing old table as old_alerts new table as new_alerts
for each statement execute function credits_internal.announce_alert();

create or replace trigger announce_opened
after insert on credits.system_alerts
referencing new table as new_alerts
for each statement execute function credits_internal.announce_alert();
