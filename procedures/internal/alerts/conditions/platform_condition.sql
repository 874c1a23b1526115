-- A condition that is about the platform, or about one provider, and not about a user.

create or replace function credits_internal.platform_condition(
    p_type text,
    p_message text,
    p_metadata jsonb,
    p_provider text default null,
    p_level credits.alert_level default null
)
returns credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $platform_condition$
    select row(
        p_type,
        credits_internal.nil_uuid(),
        coalesce(p_provider, ''),
        p_level,
        p_provider,
        p_message,
        p_metadata
    )::credits_internal.alert_condition
$platform_condition$;

comment on function credits_internal.platform_condition is
'The condition of an alert about the platform: one for each type, or for each type and provider. '
'p_level: null = the rule''s.';

revoke all on function credits_internal.platform_condition from public;
