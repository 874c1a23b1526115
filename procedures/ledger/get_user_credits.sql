-- What a user can spend now.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.get_user_credits(
    p_user_id uuid
)
returns credits.user_balance
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $get_user_credits$
begin
    perform credits_internal.require_user(p_user_id);

    return credits_internal.user_balance(p_user_id);
end
$get_user_credits$;

comment on function credits.get_user_credits is
'What a user can spend now (expired credits do not count, even before their expiry is written), '
'how much of it will expire and when next, the plan, the warning threshold, and whether spending '
'is stopped. Zeros for an unknown user. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.get_user_credits from public;
grant execute on function credits.get_user_credits to credits_app;
