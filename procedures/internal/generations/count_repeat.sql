-- Count a report that changes nothing and only repeats an earlier one; it is added to no history.
--
-- A client that cancels in a loop, or a provider that delivers again and again, does not make a
-- generation's events grow without end. The first report of each kind is an event: what differs in
-- its kind, code, message or figures is none that repeats. From 200 events on nothing that changes
-- nothing is added, but for the first of its kind: a success or failure that comes after any number
-- of reports of progress is in the history.

create or replace function credits_internal.count_repeat(
    p_generation credits.generations,
    p_event text,
    p_is_callback boolean,
    p_credits bigint,
    p_cost_usd numeric,
    p_provider_billed boolean,
    p_error_type text,
    p_code text,
    p_message text,
    p_payload jsonb
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $count_repeat$
declare
    v_now constant timestamptz := credits_internal.clock();
begin
    update credits.generations as g
    set
        repeated_reports = g.repeated_reports + 1,
        last_repeated_at = v_now
    where
        g.user_id = p_generation.user_id
        and g.generation_id = p_generation.generation_id
        and exists (
            select
            from credits.generation_events as e
            where
                e.user_id = p_generation.user_id
                and e.generation_id = p_generation.generation_id
                and not e.applied
                and e.event::text = p_event
                and e.status_before = p_generation.status
                and (
                    g.last_event_no >= 200
                    or (
                        e.is_callback = p_is_callback
                        and e.credits is not distinct from p_credits
                        and e.cost_usd is not distinct from p_cost_usd
                        and e.provider_billed is not distinct from p_provider_billed
                        and e.error_type is not distinct from p_error_type
                        and e.code is not distinct from left(p_code, 500)
                        and e.message is not distinct from left(p_message, 1000)
                        -- While it is in flight, what is delivered on the way is worth keeping.
                        and (
                            p_generation.finished_at is not null
                            or e.payload = coalesce(p_payload, '{}')
                        )
                    )
                )
        );

    return found;
end
$count_repeat$;

comment on function credits_internal.count_repeat is
'Count a report of a locked generation that changes nothing in repeated_reports, where it repeats '
'an earlier one, or one of its kind where there are 200 events already; returns whether it did. '
'Else it is to be kept as an event.';

revoke all on function credits_internal.count_repeat from public;
