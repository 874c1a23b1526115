-- Grant what users' plans bring this month, user by user.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.apply_allowances(
    p_limit integer default 100
)
returns setof credits.sweep_result
language sql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $apply_allowances$
    select s.*
    from credits_internal.serve_due_users(
        p_task => 'apply_allowances',
        p_limit => p_limit
    ) as s
$apply_allowances$;

comment on function credits.apply_allowances is
'Grant up to so many users what their plan brings in this calendar month of the business time '
'zone, and write what expires and rolls over in the same turn; those who wait longest come first, '
'whatever their plan. Busy users are left for a later run, and each run goes on where the latest '
'one ended. The credits expire at the month''s end. An upgrade brings the difference, a downgrade '
'takes nothing back, missed months are not made up; edits of plans and a new business time zone '
'count from each user''s next month on. One row for each user: the credits granted, or the error. '
'It ends early where half of statement_timeout has passed. Safe to run twice at once. '
'Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.apply_allowances from public;
grant execute on function credits.apply_allowances to credits_operator;
