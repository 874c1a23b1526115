-- How much of a charge comes back for a kind of failure, by the policy in force.

create or replace function credits_internal.due_by_policy(
    p_credits bigint,
    p_error_type text
)
returns bigint
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $due_by_policy$
declare
    v_percent numeric;
begin
    select p.refund_percent
    into v_percent
    from credits.refund_policies as p
    where p.error_type in (p_error_type, '*')
    order by p.error_type = '*'
    limit 1;

    -- Rounding favours the user; so does a policy that somebody has removed.
    return ceil(p_credits * coalesce(v_percent, 100) / 100);
end
$due_by_policy$;

comment on function credits_internal.due_by_policy is
'The credits of a charge that refund_policies give back for this kind of failure, rounded up; all '
'where no policy says.';

revoke all on function credits_internal.due_by_policy from public;
