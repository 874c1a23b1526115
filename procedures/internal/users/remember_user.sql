-- Note the id that a user has in the application, unless one is noted.

create or replace function credits_internal.remember_user(
    p_user_id uuid,
    p_external_id text
)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $remember_user$
declare
    v_now constant timestamptz := credits_internal.clock();
begin
    insert into credits.external_users (user_id, created_at, external_id)
    select
        p_user_id,
        v_now,
        p_external_id
    -- Only an id of an older system, which nobody judged, can be longer, or empty.
    where length(p_external_id) between 1 and 200
    on conflict (user_id) do nothing;

    return p_user_id;
end
$remember_user$;

comment on function credits_internal.remember_user is
'Note the id that a user has in the application, and return the user; an id noted earlier stays.';

revoke all on function credits_internal.remember_user from public;
