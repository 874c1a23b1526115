-- Made by pgcredits adopt compat.

declare
    v_user_id uuid := {user};
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
    v_meaning text;
    v_bucket text;
begin
    perform credits_internal.note_legacy_write(v_user_id, {called}, 'call');
    {statements}
end
