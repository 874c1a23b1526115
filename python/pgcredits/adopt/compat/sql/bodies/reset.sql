-- Grant what users' plans bring this month.

declare
    v_credits bigint;
begin
    v_credits := (select count(*) from credits.apply_allowances(100000) as a);
    {answer}
end
