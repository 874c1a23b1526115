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
begin
    if p_balance < p_threshold then
        perform credits_internal.open_alert(
            p_user_id => p_user_id,
            p_type => 'low_balance',
            p_message => format('the user has %s credits left', p_balance),
            p_metadata => jsonb_build_object('balance', p_balance, 'threshold', p_threshold)
        );
    else
        perform credits_internal.close_alert(p_user_id, 'low_balance', '');
    end if;
end
$note_low_balance$;

comment on function credits_internal.note_low_balance is
'Open the low_balance alert of a locked user whose balance is below the threshold, else resolve '
'it.';

revoke all on function credits_internal.note_low_balance from public;
