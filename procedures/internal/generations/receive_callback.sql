-- Apply a provider's callback to its generation: classify its code, then apply it like any other
-- report.

create or replace function credits_internal.receive_callback(
    p_generation credits.generations,
    p_code text,
    p_message text,
    p_cost_usd numeric,
    p_payload jsonb,
    p_dropped text[] default null
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $receive_callback$
declare
    v_code constant text := left(credits_internal.trimmed(p_code), 500);
    v_payload jsonb := p_payload;
    v_meaning record;
    v_now timestamptz;
    v_generation credits.generations;
begin
    if p_generation.finished_at is not null then
        v_payload := credits_internal.kept_payload(p_generation.finished_at, p_payload);
    end if;

    select
        c.outcome,
        c.error_type
    into v_meaning
    from credits.provider_error_codes as c
    where
        c.provider in (p_generation.provider, '*')
        and c.code = v_code
    order by c.provider = '*'
    limit 1;

    -- No row has the code as it is written: in upper or lower case it is the same code. This reads
    -- the table, so it comes second.
    if not found then
        select
            c.outcome,
            c.error_type
        into v_meaning
        from credits.provider_error_codes as c
        where
            c.provider in (p_generation.provider, '*')
            and credits_internal.lower_case(c.code) = credits_internal.lower_case(v_code)
        order by c.provider = '*', c.code
        limit 1;
    end if;

    if found then
        return credits_internal.apply_event(
            p_generation => p_generation,
            p_event => case v_meaning.outcome
                when 'succeeded' then 'success'
                when 'failed' then 'failure'
                else 'progress'
            end,
            p_is_callback => true,
            p_error_type => v_meaning.error_type,
            p_code => v_code,
            p_message => p_message,
            p_cost_usd => p_cost_usd,
            p_payload => v_payload,
            p_dropped => p_dropped
        );
    end if;

    if not credits_internal.count_repeat(
        p_generation => p_generation,
        p_event => 'unclassified',
        p_is_callback => true,
        p_credits => null,
        p_cost_usd => credits_internal.known_usd(p_cost_usd),
        p_provider_billed => null,
        p_error_type => null,
        p_code => v_code,
        p_message => p_message,
        p_payload => v_payload
    ) then
        v_now := credits_internal.clock();

        update credits.generations as g
        set last_event_no = g.last_event_no + 1
        where
            g.user_id = p_generation.user_id
            and g.generation_id = p_generation.generation_id
        returning g.* into strict v_generation;

        perform credits_internal.write_event(
            p_generation => v_generation,
            p_event => 'unclassified',
            p_applied => false,
            p_at => v_now,
            p_is_callback => true,
            p_cost_usd => p_cost_usd,
            p_code => v_code,
            p_message => p_message,
            p_payload => v_payload,
            p_dropped => p_dropped
        );
    end if;

    perform credits_internal.open_generation_alert(
        p_generation,
        'callback_unclassified',
        format(
            'provider_error_codes has no code %L of %s: nobody knows what became of the task',
            left(v_code, 100),
            p_generation.provider
        )
    );

    return credits_internal.generation_result(
        p_generation.user_id, p_generation.generation_id, false, false
    );
end
$receive_callback$;

comment on function credits_internal.receive_callback is
'Apply one callback to a locked generation by provider_error_codes; an unknown code is kept as an '
'event, once, and alerts.';

revoke all on function credits_internal.receive_callback from public;
