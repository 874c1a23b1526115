-- Refuse a missing user, and the nil uuid, which stands for no user.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_user(
    p_user_id uuid
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_user$
begin
    if p_user_id is null or p_user_id = credits_internal.nil_uuid() then
        perform credits_internal.refuse_argument(
            'p_user_id',
            p_user_id::text,
            case when p_user_id is null then 'is null' else 'is the nil uuid' end,
            'Pass the id of the user whose credits are meant.'
        );
    end if;
end
$require_user$;

comment on function credits_internal.require_user is
'Refuse a null user, and the nil uuid, with PT422.';

revoke all on function credits_internal.require_user from public;
