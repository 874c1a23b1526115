-- Made by pgcredits adopt compat.

declare
    v_user_id uuid := {user};
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
    v_meaning text;
    v_bucket text;
begin
    {statements}
end
