-- Say that an alert is dealt with.
--
-- Errors: PT422 invalid_argument, PT404 alert_not_found.

create or replace function credits.resolve_alert(
    p_user_id uuid,
    p_alert_id uuid,
    p_by text,
    p_note text default null
)
returns credits.system_alerts
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $resolve_alert$
declare
    v_alert credits.system_alerts;
    v_now timestamptz;
begin
    perform credits_internal.require_word('p_by', p_by, 100, 'Say who dealt with it.');

    if length(p_note) > 1000 then
        perform credits_internal.refuse_argument(
            'p_note',
            p_note,
            format('has %s characters', length(p_note)),
            'Say in at most 1000 characters what was done.'
        );
    end if;

    v_alert := credits_internal.lock_alert(p_user_id, p_alert_id);

    if v_alert.resolved_at is not null then
        return v_alert;
    end if;

    v_now := credits_internal.clock();

    update credits.system_alerts as a
    set
        resolved_at = v_now,
        resolved_by = p_by,
        metadata = case
            when p_note is null then a.metadata
            else a.metadata || jsonb_build_object('note', p_note)
        end
    where
        a.user_id = p_user_id
        and a.alert_id = p_alert_id
    returning a.* into strict v_alert;

    return v_alert;
end
$resolve_alert$;

comment on function credits.resolve_alert is
'Say that an alert is dealt with, and by whom; where its cause is still there, a new one opens. '
'p_note: what was done; kept as note in its metadata. Safe to repeat: the first call stands. '
'Returns the alert as it is then. '
'Errors: PT422 invalid_argument, PT404 alert_not_found. Call it in FROM.';

revoke all on function credits.resolve_alert from public;
grant execute on function credits.resolve_alert to credits_operator;
