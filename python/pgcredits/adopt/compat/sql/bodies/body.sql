-- Made by pgcredits adopt compat.

declare
    v_done credits.transaction_result;
    v_credits bigint;
    v_word text;
begin
    {statements}
end
