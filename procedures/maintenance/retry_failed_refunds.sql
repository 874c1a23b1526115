-- Pay refunds that raised an error when they were due.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.retry_failed_refunds(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $retry_failed_refunds$
begin
    perform credits_internal.require_limit(p_limit);

    return query
    select
        s.user_id,
        s.generation_id,
        s.credits_refunded,
        s.error
    from credits_internal.sweep_generations('retry_failed_refunds', p_limit) as s;
end
$retry_failed_refunds$;

comment on function credits.retry_failed_refunds is
'Pay up to so many refunds that are owed because paying them failed: what was due then, not what '
'today''s policy says. Those under review are left to settle_owed_refunds, busy users to the next '
'run. One row for each: the credits refunded, or the error. Safe to run twice at once. '
'Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.retry_failed_refunds from public;
grant execute on function credits.retry_failed_refunds to credits_operator;
