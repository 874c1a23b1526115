-- What is kept of the payload of a report that comes after its generation has finished.

create or replace function credits_internal.kept_payload(
    p_finished_at timestamptz,
    p_payload jsonb
)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $kept_payload$
begin
    -- purge_history has passed this generation, and will not come back to it.
    if p_finished_at < credits_internal.clock() - (
        select s.keep_payloads
        from credits.settings as s
    ) then
        return null;
    end if;

    return p_payload;
end
$kept_payload$;

comment on function credits_internal.kept_payload is
'The payload of a report about a generation that finished then; null where purge_history has '
'blanked its payloads already.';

revoke all on function credits_internal.kept_payload from public;
