-- A function with an old name, old arguments and an old result, whose body calls pgcredits.

create or replace function {function}({arguments})
returns {result}
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as {body}
