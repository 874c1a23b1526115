-- Open an alert about one generation.

create or replace function credits_internal.open_generation_alert(
    p_generation credits.generations,
    p_type text,
    p_message text,
    p_metadata jsonb default '{}'
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $open_generation_alert$
begin
    perform credits_internal.open_alert(
        p_user_id => p_generation.user_id,
        p_type => p_type,
        p_message => p_message,
        p_dedup_key => p_generation.generation_id::text,
        p_generation_id => p_generation.generation_id,
        p_provider => p_generation.provider,
        p_metadata => p_metadata
    );
end
$open_generation_alert$;

comment on function credits_internal.open_generation_alert is
'Open an alert about one generation, or count it again: at most one of each type is open for it.';

revoke all on function credits_internal.open_generation_alert from public;
