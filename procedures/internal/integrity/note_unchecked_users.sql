-- Make the rows of users in ledger_checks who have none yet: they are checked first.
--
-- Users are gone through by key, so many in a call, and again from the start after the last.

create or replace function credits_internal.note_unchecked_users()
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $note_unchecked_users$
declare
    c_users constant integer := 10000;
    v_after uuid;
    v_user_ids uuid[];
begin
    -- Where another session has the position locked, it makes the rows.
    select p.user_id
    into v_after
    from credits.sweep_positions as p
    where p.task = 'check_ledger'
    for no key update skip locked;

    if not found then
        return;
    end if;

    v_user_ids := array(
        select u.user_id
        from credits.user_credits as u
        where u.user_id > coalesce(v_after, credits_internal.nil_uuid())
        order by u.user_id
        limit c_users
    );

    insert into credits.ledger_checks (user_id, violations)
    select
        u.user_id,
        0
    from unnest(v_user_ids) as u (user_id)
    on conflict do nothing;

    -- Null where these were the last: the next call begins anew.
    update credits.sweep_positions as p
    set user_id = v_user_ids[c_users]
    where
        p.task = 'check_ledger'
        and p.user_id is distinct from v_user_ids[c_users];
end
$note_unchecked_users$;

comment on function credits_internal.note_unchecked_users is
'Make rows in ledger_checks for users without one, as far as one call goes.';

revoke all on function credits_internal.note_unchecked_users from public;
