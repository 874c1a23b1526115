-- What an expiry of a user would take away now.

create or replace function credits_internal.due_expiry(
    p_user_id uuid,
    p_now timestamptz
)
returns bigint
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $due_expiry$
    select -sum(l.remaining)::bigint
    from credits.credit_lots as l
    where
        l.user_id = p_user_id
        and not l.depleted
        and l.expires_at <= p_now
$due_expiry$;

comment on function credits_internal.due_expiry is
'Credits in lots that have expired and are not written as expired yet, negative as in the ledger; '
'null = none.';

revoke all on function credits_internal.due_expiry from public;
