-- Refuse a user of whom nobody has heard, where settings demand that users are registered.
--
-- Called only where a user's row is about to be made: who has one pays nothing for this.
--
-- Errors: PT404 user_not_found.

create or replace function credits_internal.require_registered(
    p_user_id uuid
)
returns void
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_registered$
begin
    if (select s.require_registered_users from credits.settings as s)
        and not exists (
            select
            from credits.external_users as x
            where x.user_id = p_user_id
        )
    then
        perform credits_internal.refuse(
            p_sqlstate => 'PT404',
            p_code => 'user_not_found',
            p_message => 'no such user is registered',
            p_hint => 'Pass what register_user returned, or register the user first.',
            p_figures => jsonb_build_object('user_id', p_user_id)
        );
    end if;
end
$require_registered$;

comment on function credits_internal.require_registered is
'Refuse a user who is not in external_users with PT404, where settings.require_registered_users '
'is true.';

revoke all on function credits_internal.require_registered from public;
