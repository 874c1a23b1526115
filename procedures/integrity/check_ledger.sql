-- Verify the users whose last verification is the oldest, and note the outcome.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.check_ledger(
    p_limit integer default 500
)
returns setof credits.ledger_violation
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $check_ledger$
declare
    v_user_ids uuid[];
    v_user_id uuid;
    v_now timestamptz;
    v_found bigint;
begin
    perform credits_internal.require_limit(p_limit);

    -- Sorted by id: two checks at once write their rows in the same order, without a deadlock.
    select array_agg(n.user_id order by n.user_id)
    into v_user_ids
    from (
        select u.user_id
        from credits.user_credits as u
        left join credits.ledger_checks as c on u.user_id = c.user_id
        order by c.verified_at nulls first
        limit p_limit
    ) as n;

    foreach v_user_id in array coalesce(v_user_ids, '{}') loop
        return query select v.* from credits.verify_ledger(p_user_id => v_user_id) as v;

        get diagnostics v_found = row_count;
        v_now := credits_internal.clock();

        insert into credits.ledger_checks as c (user_id, verified_at, violations)
        values (v_user_id, v_now, v_found)
        on conflict (user_id) do update
        set
            verified_at = excluded.verified_at,
            violations = excluded.violations;
    end loop;
end
$check_ledger$;

comment on function credits.check_ledger is
'Verify the users whose last verification is the oldest, record the outcome in ledger_checks, and '
'return the violations found. Safe to run twice at once. Errors: PT422 invalid_argument. Call it '
'in FROM.';

revoke all on function credits.check_ledger from public;
grant execute on function credits.check_ledger to credits_operator;
