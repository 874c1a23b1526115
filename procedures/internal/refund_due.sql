-- How much of a generation's price a failure gives back, by the policy in force now.

create or replace function credits_internal.refund_due(
    p_generation credits.generations,
    p_error_type text
)
returns bigint
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refund_due$
declare
    v_percent numeric;
begin
    -- Nobody has worked for it yet.
    if p_error_type = 'user_cancelled' and p_generation.status = 'pending' then
        return p_generation.credits_charged;
    end if;

    select p.refund_percent
    into v_percent
    from credits.refund_policies as p
    where p.error_type in (p_error_type, '*')
    order by p.error_type = '*'
    limit 1;

    -- Rounding favours the user.
    return ceil(p_generation.credits_charged * coalesce(v_percent, 100) / 100)::bigint;
end
$refund_due$;

comment on function credits_internal.refund_due is
'Credits due by refund_policies (its row * for an unknown type, all where that is missing, too), '
'part credits rounded up. Before the provider has the task, a cancellation gives all back.';

revoke all on function credits_internal.refund_due from public;
