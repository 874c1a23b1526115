-- Put off what is to be written of an alert: somebody holds it locked, or it is not to be resolved
-- yet.

create or replace function credits_internal.put_alert_off(
    p_user_id uuid,
    p_type text,
    p_dedup_key text,
    p_message text default null,
    p_level credits.alert_level default null,
    p_generation_id uuid default null,
    p_provider text default null,
    p_metadata jsonb default null,
    p_not_before timestamptz default null
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $put_alert_off$
declare
    -- Later than what waits already, even where the clock is not: it is written in this order.
    v_now constant timestamptz := greatest(
        credits_internal.clock(),
        (
            select w.created_at + interval '1 microsecond'
            from credits.waiting_alerts as w
            where w.user_id = p_user_id
            order by w.waiting_id desc
            limit 1
        )
    );
    v_waiting_id constant uuid := credits_internal.uuid_v7(v_now);
begin
    insert into credits.waiting_alerts (
        user_id,
        waiting_id,
        created_at,
        not_before,
        generation_id,
        level,
        type,
        dedup_key,
        provider,
        message,
        metadata
    )
    values (
        p_user_id,
        v_waiting_id,
        v_now,
        p_not_before,
        p_generation_id,
        p_level,
        p_type,
        p_dedup_key,
        p_provider,
        p_message,
        p_metadata
    );
end
$put_alert_off$;

comment on function credits_internal.put_alert_off is
'Leave in waiting_alerts what the next check_alerts is to write: that the alert came again, or, '
'where p_message is null, that its cause is gone. p_not_before: when a resolution is due; null = '
'at once.';

revoke all on function credits_internal.put_alert_off from public;
