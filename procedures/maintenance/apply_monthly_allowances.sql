-- The name that apply_allowances had in 0.1.0.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.apply_monthly_allowances(
    p_limit integer default 100
)
returns setof credits.sweep_result
language sql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $apply_monthly_allowances$
    select a.*
    from credits.apply_allowances(p_limit => p_limit) as a
$apply_monthly_allowances$;

comment on function credits.apply_monthly_allowances is
'The same as apply_allowances, whose name it was in 0.1.0: call that one. A later version drops '
'it. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.apply_monthly_allowances from public;
grant execute on function credits.apply_monthly_allowances to credits_operator;
