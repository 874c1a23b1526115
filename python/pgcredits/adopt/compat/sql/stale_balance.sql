-- What a view does with a balance that has changed while FOR UPDATE waited.

create or replace function {function}(p_balance bigint)
returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $stale_balance$
begin
    perform credits_internal.refuse_stale_write({name});
    return p_balance;
end
$stale_balance$
