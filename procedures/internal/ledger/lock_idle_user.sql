-- For sweeps: lock a user unless somebody is at work there.

create or replace function credits_internal.lock_idle_user(
    p_user_id uuid
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_idle_user$
begin
    perform
    from credits.user_credits as u
    where u.user_id = p_user_id
    for no key update skip locked;

    return found;
end
$lock_idle_user$;

comment on function credits_internal.lock_idle_user is
'Lock a user''s row where that needs no waiting; says whether it did.';

revoke all on function credits_internal.lock_idle_user from public;
