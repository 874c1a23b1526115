-- Append to a generation's events. The caller has taken the number by updating last_event_no.

create or replace function credits_internal.write_event(
    p_generation credits.generations,
    p_event credits.generation_event,
    p_applied boolean,
    p_at timestamptz,
    p_status_before credits.generation_status default null,
    p_is_callback boolean default false,
    p_credits bigint default null,
    p_cost_usd numeric default null,
    p_provider_billed boolean default null,
    p_error_type text default null,
    p_code text default null,
    p_message text default null,
    p_payload jsonb default null,
    p_dropped text[] default null
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $write_event$
begin
    insert into credits.generation_events (
        user_id,
        generation_id,
        event_no,
        event,
        status_before,
        applied,
        is_callback,
        created_at,
        credits,
        cost_usd,
        provider_billed,
        error_type,
        code,
        message,
        payload,
        dropped
    )
    values (
        p_generation.user_id,
        p_generation.generation_id,
        p_generation.last_event_no,
        p_event,
        p_status_before,
        p_applied,
        p_is_callback,
        p_at,
        p_credits,
        p_cost_usd,
        p_provider_billed,
        p_error_type,
        p_code,
        p_message,
        coalesce(p_payload, '{}'),
        p_dropped
    );
end
$write_event$;

comment on function credits_internal.write_event is
'Append one event with the number that the generation''s row already carries.';

revoke all on function credits_internal.write_event from public;
