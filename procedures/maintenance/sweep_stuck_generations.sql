-- Give up on generations whose deadline has passed, user by user, and refund them.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.sweep_stuck_generations(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $sweep_stuck_generations$
begin
    perform credits_internal.require_limit(p_limit);

    return query
    select
        s.user_id,
        s.generation_id,
        case when s.error is null then s.credits_refunded end,
        s.error
    from credits_internal.sweep_generations('sweep_stuck_generations', p_limit) as s;
end
$sweep_stuck_generations$;

comment on function credits.sweep_stuck_generations is
'Settle up to so many generations whose deadline has passed as timed_out, and refund them by '
'policy; busy users are left for the next run. One row for each: the credits refunded, or the '
'error. Safe to run twice at once. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.sweep_stuck_generations from public;
grant execute on function credits.sweep_stuck_generations to credits_operator;
