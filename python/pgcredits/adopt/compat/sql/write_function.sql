-- What becomes of a write to a view in the place of an old table.

create or replace function {function}()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as {body}
