-- Write what was put off while somebody held an alert locked, or until now.
--
-- What waits for one alert is written in the order in which it came, all or nothing. It is taken
-- out of waiting_alerts before, so that whoever has to write to the same alert meanwhile finds
-- these rows locked, and adds to the end of them. A resolution that was put off is void where the
-- alert was raised again after it; else it waits until it is due.

create or replace function credits_internal.write_waiting_alerts()
returns setof credits.alert_check
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '1ms'
as $write_waiting_alerts$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_waiting record;
    v_next record;
    v_alert credits.system_alerts;
    v_written credits.alert_check;
begin
    for v_waiting in
        select distinct
            w.user_id,
            w.type,
            w.dedup_key
        from credits.waiting_alerts as w
        where
            w.not_before is null
            or w.not_before <= v_now
        order by
            w.user_id,
            w.type,
            w.dedup_key
    loop
        v_written := (v_waiting.type, 0, 0)::credits.alert_check;

        begin
            for v_next in
                with taken as (
                    delete from credits.waiting_alerts as w
                    where
                        w.user_id = v_waiting.user_id
                        and w.type = v_waiting.type
                        and w.dedup_key = v_waiting.dedup_key
                        and (
                            w.not_before is null
                            or w.not_before <= v_now
                            or exists (
                                select
                                from credits.waiting_alerts as l
                                where
                                    l.user_id = w.user_id
                                    and l.type = w.type
                                    and l.dedup_key = w.dedup_key
                                    and l.waiting_id > w.waiting_id
                            )
                        )
                    returning w.*
                )
                select
                    t.*,
                    lead(t.waiting_id) over (order by t.waiting_id) is not null as has_next
                from taken as t
                order by t.waiting_id
            loop
                continue when v_next.not_before is not null and v_next.has_next;

                if v_next.message is null then
                    if credits_internal.write_resolution(
                        v_next.user_id, v_next.type, v_next.dedup_key
                    ) then
                        v_written.resolved := v_written.resolved + 1;
                    end if;
                else
                    v_alert := credits_internal.write_alert(
                        p_user_id => v_next.user_id,
                        p_type => v_next.type,
                        p_message => v_next.message,
                        p_level => v_next.level,
                        p_dedup_key => v_next.dedup_key,
                        p_generation_id => v_next.generation_id,
                        p_provider => v_next.provider,
                        p_metadata => v_next.metadata
                    );

                    if v_alert.occurrences = 1 then
                        v_written.opened := v_written.opened + 1;
                    end if;
                end if;
            end loop;
        exception
            -- Somebody still holds the alert, or writes the same at this moment: the next run
            -- tries again.
            when lock_not_available then
                continue;
        end;

        if v_written.opened + v_written.resolved > 0 then
            return next v_written;
        end if;
    end loop;
end
$write_waiting_alerts$;

comment on function credits_internal.write_waiting_alerts is
'Write what waits in waiting_alerts, is due and is not locked any more. One row for each alert '
'that was opened or resolved by it.';

revoke all on function credits_internal.write_waiting_alerts from public;
