-- Take the lock under which everything about one user's credits happens: the user's own row.
--
-- Errors: 40001 where another transaction moved the user's credits since a REPEATABLE READ or
-- SERIALIZABLE one began; PT404 user_not_found where a row is to be made for a user who is not
-- registered, and settings demand that.

create or replace function credits_internal.lock_user(
    p_user_id uuid,
    p_create_missing boolean default false,
    p_require_registered boolean default true
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_user$
declare
    v_user credits.user_credits;
    v_now timestamptz;
begin
    select u.*
    into v_user
    from credits.user_credits as u
    where u.user_id = p_user_id
    for no key update;

    if found or not p_create_missing then
        return v_user;
    end if;

    if p_require_registered then
        perform credits_internal.require_registered(p_user_id);
    end if;

    -- Where two calls make the user's row at once, the second waits here for the first, and then
    -- locks the row that the first has made.
    v_now := credits_internal.clock();

    insert into credits.user_credits (user_id, low_balance_threshold, created_at, updated_at)
    select
        p_user_id,
        s.default_low_balance_threshold,
        v_now,
        v_now
    from credits.settings as s
    on conflict (user_id) do nothing;

    select u.*
    into strict v_user
    from credits.user_credits as u
    where u.user_id = p_user_id
    for no key update;

    return v_user;
end
$lock_user$;

comment on function credits_internal.lock_user is
'Lock a user''s row and return it; all null where there is none and none is to be made. '
'p_require_registered: whether settings may refuse to make a row for a user who is not registered.';

revoke all on function credits_internal.lock_user from public;
