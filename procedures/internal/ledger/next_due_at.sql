-- When something is next to be written for a user.

create or replace function credits_internal.next_due_at(
    p_user_id uuid,
    p_next_allowance_at timestamptz
)
returns timestamptz
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $next_due_at$
    select least(p_next_allowance_at, min(l.expires_at))
    from credits.credit_lots as l
    where
        l.user_id = p_user_id
        and not l.depleted
$next_due_at$;

comment on function credits_internal.next_due_at is
'The sooner of the next allowance and the expiry of the soonest lot that still holds credits.';

revoke all on function credits_internal.next_due_at from public;
