-- Open an alert for the operators.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.raise_alert(
    p_type text,
    p_message text,
    p_user_id uuid default '00000000-0000-0000-0000-000000000000',
    p_dedup_key text default null,
    p_level text default null,
    p_generation_id uuid default null,
    p_provider text default null,
    p_metadata jsonb default '{}'
)
returns uuid
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $raise_alert$
begin
    -- Only null is refused: the nil uuid, which require_user refuses, too, means the platform here.
    if p_user_id is null then
        perform credits_internal.require_user(null);
    end if;

    perform credits_internal.require_word('p_type', p_type, 100, 'Name the kind of the alert.');
    perform credits_internal.require_word('p_message', p_message, 2000, 'Say what happened.');
    perform credits_internal.require_metadata(p_metadata);

    if not p_level = any (enum_range(null::credits.alert_level)::text []) then
        perform credits_internal.refuse_argument(
            'p_level',
            p_level,
            'is not a level',
            'Pass info, warning, error or critical, or null for the level of the type''s rule.'
        );
    end if;

    return credits_internal.open_alert(
        p_user_id => p_user_id,
        p_type => p_type,
        p_message => p_message,
        p_level => p_level::credits.alert_level,
        p_dedup_key => left(coalesce(p_dedup_key, ''), 200),
        p_generation_id => p_generation_id,
        p_provider => left(
            credits_internal.lower_case(credits_internal.trimmed(p_provider)), 100
        ),
        p_metadata => coalesce(p_metadata, '{}')
    );
end
$raise_alert$;

comment on function credits.raise_alert is
'Open an alert and return its id; where an alert of this user, type and key is open, that one is '
'counted again. p_user_id: whom it is about, by default the platform. p_level: info, warning, '
'error or critical; null = as alert_rules says, warning where it says nothing. Returns null where '
'the rule of the type is not enabled. If check_alerts judges the type, its next run resolves the '
'alert unless the condition of the rule holds. Errors: PT422 invalid_argument.';

revoke all on function credits.raise_alert from public;
grant execute on function credits.raise_alert to credits_operator;
