-- Who sent the statement that is running: the application and the role.

create or replace function credits_internal.legacy_writer()
returns table (
    application text,
    role_name text
)
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $legacy_writer$
    select
        coalesce(nullif(current_setting('application_name'), ''), 'unnamed'),
        -- Inside a function that runs with its owner's rights current_user is that owner.
        coalesce(nullif(current_setting('role'), 'none'), session_user::text)
$legacy_writer$;

comment on function credits_internal.legacy_writer is
'The application_name of the session, unnamed where it has none, and its role.';

revoke all on function credits_internal.legacy_writer from public;
