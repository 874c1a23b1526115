-- Made by pgcredits adopt compat.

declare
    v_user_id uuid := {user};
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
begin
    {statements}
end
