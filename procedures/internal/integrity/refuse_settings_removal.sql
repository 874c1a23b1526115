-- Keep the one row of settings.
--
-- Errors: 23001 restrict_violation, DETAIL code settings_needed.

create or replace function credits_internal.refuse_settings_removal()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $refuse_settings_removal$
begin
    perform credits_internal.refuse(
        p_sqlstate => '23001',
        p_code => 'settings_needed',
        p_message => 'the settings cannot be removed',
        p_hint => 'Update the row instead.'
    );

    return null;
end
$refuse_settings_removal$;

comment on function credits_internal.refuse_settings_removal is
'Trigger function: refuses delete and truncate of settings.';

revoke all on function credits_internal.refuse_settings_removal from public;

create or replace trigger refuse_removal
before delete or truncate on credits.settings
for each statement execute function credits_internal.refuse_settings_removal();
