-- Append to a generation's events what apply_event does not judge: refunds that failed or were paid
-- later, and callbacks with an unknown code.
--
-- The caller has updated last_event_no: the event takes its number, and the status, from the row
-- that the update returned. Long texts are cut, and a cost that makes no sense is named in dropped
-- instead.

create or replace function credits_internal.write_event(
    p_generation credits.generations,
    p_event credits.generation_event,
    p_applied boolean,
    p_at timestamptz,
    p_is_callback boolean default false,
    p_credits bigint default null,
    p_cost_usd numeric default null,
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
declare
    v_cost_usd constant numeric := credits_internal.known_usd(p_cost_usd);
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
        p_generation.status,
        p_applied,
        p_is_callback,
        p_at,
        p_credits,
        v_cost_usd,
        left(p_code, 500),
        left(p_message, 1000),
        coalesce(p_payload, '{}'),
        case
            when p_cost_usd is not null and v_cost_usd is null
                then coalesce(p_dropped, '{}') || ('p_cost_usd ' || left(p_cost_usd::text, 100))
            else p_dropped
        end
    );
end
$write_event$;

comment on function credits_internal.write_event is
'Append one event with the number that the generation''s row carries already. Long texts are cut; '
'a cost that makes no sense is left out and named in dropped.';

revoke all on function credits_internal.write_event from public;
