-- Write the expiries that are due, user by user.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.expire_user_credits(
    p_limit integer default 100
)
returns setof credits.sweep_result
language sql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $expire_user_credits$
    select s.*
    from credits_internal.serve_due_users(
        p_task => 'expire_user_credits',
        p_limit => p_limit
    ) as s
$expire_user_credits$;

comment on function credits.expire_user_credits is
'Write the due expiries, and the rollover they bring, of up to so many users; busy users are left '
'for a later run, and each run goes on where the latest one ended. One row for each user: the '
'credits that expired, negative as in the ledger, or the error. It ends early where half of '
'statement_timeout has passed. Safe to run twice at once. Errors: PT422 invalid_argument. Call it '
'in FROM.';

revoke all on function credits.expire_user_credits from public;
grant execute on function credits.expire_user_credits to credits_operator;
