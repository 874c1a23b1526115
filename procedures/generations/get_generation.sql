-- Show a generation as it stands.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found.

create or replace function credits.get_generation(
    p_user_id uuid,
    p_generation_id uuid
)
returns credits.generation_result
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $get_generation$
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_generation(p_generation_id);

    return credits_internal.generation_result(p_user_id, p_generation_id, false, false);
end
$get_generation$;

comment on function credits.get_generation is
'A generation as it stands now; applied and replayed are false. Errors: PT422 invalid_argument, '
'PT404 generation_not_found. Call it in FROM.';

revoke all on function credits.get_generation from public;
grant execute on function credits.get_generation to credits_app;
