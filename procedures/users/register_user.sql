-- Remember how the application names a user.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.register_user(
    p_external_id text
)
returns uuid
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $register_user$
declare
    -- Whoever was adopted under another uuid keeps it.
    v_user_id constant uuid := coalesce(
        credits_internal.adopted_user_id(p_external_id), credits.user_id(p_external_id)
    );
begin
    if v_user_id is null or v_user_id = credits_internal.nil_uuid() then
        perform credits_internal.refuse_argument(
            'p_external_id',
            p_external_id,
            case when v_user_id is null then 'is null' else 'is the nil uuid' end,
            'Pass the id that the user has in the application.'
        );
    end if;

    perform credits_internal.remember_user(v_user_id, p_external_id);

    return v_user_id;
end
$register_user$;

comment on function credits.register_user is
'Remember the id that a user has in the application, and return the uuid for all other calls: that '
'of user_id, except for a user whom version 0.1.0 adopted as md5(id)::uuid, who keeps that. From '
'then on views, reports and alerts show the id as external_user_id, until redact_user forgets it. '
'Safe to repeat. Errors: PT422 invalid_argument.';

revoke all on function credits.register_user from public;
grant execute on function credits.register_user to credits_app;
