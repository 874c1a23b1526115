-- The uuid that version 0.1.0 gave to a user of an older system whose id was no uuid.
--
-- It was md5(id)::uuid, and nothing else was kept of the id: a user who has it is the one.

create or replace function credits_internal.adopted_user_id(
    p_external_id text
)
returns uuid
language plpgsql
stable
strict
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $adopted_user_id$
declare
    v_user_id uuid;
begin
    if not exists (select from credits.imported_tables) then
        return null;
    end if;

    v_user_id := md5(p_external_id)::uuid;

    if exists (select from credits.user_credits as u where u.user_id = v_user_id)
        or exists (select from credits.external_users as x where x.user_id = v_user_id)
        or exists (select from credits.imported_balances as b where b.user_id = v_user_id)
        or exists (select from credits.imported_history as h where h.user_id = v_user_id)
        or exists (select from credits.generations as g where g.user_id = v_user_id)
    then
        return v_user_id;
    end if;

    return null;
end
$adopted_user_id$;

comment on function credits_internal.adopted_user_id is
'md5(id)::uuid where an older system was adopted and that is a user here; else null.';

revoke all on function credits_internal.adopted_user_id from public;
