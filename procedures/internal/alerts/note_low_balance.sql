-- Open or resolve the alert of a user whose balance has crossed its threshold.

create or replace function credits_internal.note_low_balance(
    p_user_id uuid,
    p_balance bigint,
    p_threshold bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $note_low_balance$
declare
    v_now timestamptz;
    v_not_before timestamptz;
begin
    if p_balance < p_threshold then
        perform credits_internal.open_alert(
            p_user_id => p_user_id,
            p_type => 'low_balance',
            p_message => format('the user has %s credits left', p_balance),
            p_metadata => jsonb_build_object('balance', p_balance, 'threshold', p_threshold)
        );
    else
        v_now := credits_internal.clock();

        -- Whoever charges and refunds in turn, or comes and goes around the threshold otherwise,
        -- shall not open and resolve an alert each time: the second one within the rule's window
        -- stays open for that long.
        select a.created_at + r.time_window
        into v_not_before
        from credits.alert_rules as r
        inner join credits.system_alerts as a on r.type = a.type
        where
            r.type = 'low_balance'
            and a.user_id = p_user_id
            and a.dedup_key = ''
            and a.resolved_at is null
            and a.created_at > v_now - r.time_window
            and exists (
                select
                from credits.system_alerts as b
                where
                    b.user_id = a.user_id
                    and b.type = a.type
                    and b.alert_id < a.alert_id
                    -- Ids sort by time.
                    and b.alert_id > (
                        credits_internal.uuid_v7_prefix(
                            credits_internal.epoch_us(v_now - r.time_window)
                        )
                        || '0000000000000000'
                    )::uuid
            );

        perform credits_internal.close_alert(p_user_id, 'low_balance', '', v_not_before);
    end if;
end
$note_low_balance$;

comment on function credits_internal.note_low_balance is
'Open the low_balance alert of a locked user whose balance is below the threshold, else resolve '
'it, at once or, where it comes and goes, later.';

revoke all on function credits_internal.note_low_balance from public;
