-- Apply a provider's callback to its generation, or keep it until its task is attached.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.handle_provider_callback(
    p_provider text,
    p_provider_task_id text,
    p_code text,
    p_message text default null,
    p_cost_usd double precision default null,
    p_payload jsonb default '{}'
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $handle_provider_callback$
declare
    v_provider constant text := credits_internal.lower_case(credits_internal.trimmed(p_provider));
    v_cost_usd constant numeric := p_cost_usd;
    v_provider_task_id constant text := credits_internal.trimmed(p_provider_task_id);
    -- No provider needs more than 64 kB; of a larger payload the start is kept, as a text.
    v_payload constant jsonb := case
        when octet_length(p_payload::text) > 65536 then to_jsonb(left(p_payload::text, 16384))
        else p_payload
    end;
    v_task record;
begin
    -- This expression lets every good call pass; the require_ functions judge whatever it stops.
    if not credits_internal.is_good_word(p_provider, 100)
        or not credits_internal.is_good_word(p_provider_task_id, 500)
    then
        perform credits_internal.require_word(
            'p_provider', p_provider, 100, 'Name the provider as start_generation did.'
        );
        perform credits_internal.require_word(
            'p_provider_task_id', p_provider_task_id, 500, 'Pass the provider''s id of the task.'
        );
    end if;

    select
        t.user_id,
        t.generation_id
    into v_task
    from credits.provider_tasks as t
    where
        t.provider = v_provider
        and t.provider_task_id = v_provider_task_id;

    if v_task.user_id is null then
        v_task := credits_internal.keep_callback(
            p_provider => v_provider,
            p_provider_task_id => v_provider_task_id,
            p_code => p_code,
            p_message => p_message,
            p_cost_usd => v_cost_usd,
            p_payload => v_payload
        );

        -- Else it was attached meanwhile.
        if v_task.user_id is null then
            return row(
                null, null, null, null, null, null, null, false, null
            )::credits.generation_result;
        end if;
    end if;

    return credits_internal.receive_callback(
        p_generation => credits_internal.lock_generation(v_task.user_id, v_task.generation_id),
        p_code => p_code,
        p_message => p_message,
        p_cost_usd => v_cost_usd,
        p_payload => v_payload
    );
end
$handle_provider_callback$;

comment on function credits.handle_provider_callback is
'Apply a provider''s callback; callbacks may come in any order and several times. Authenticate the '
'provider before. p_code is looked up in provider_error_codes, first in its own case, then in '
'any; a callback with an unknown code is kept, opens an alert, and leaves the generation to its '
'deadline. A callback for a task that nobody has attached waits until somebody does: the answer is '
'all null but applied = false. Twenty of a task wait at most, for '
'settings.keep_unmatched_callbacks. The column refunded tells what to answer your own client. '
'p_cost_usd: what the provider bills, in US dollars. Long texts are cut, a cost that makes no '
'sense is left out. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.handle_provider_callback from public;
grant execute on function credits.handle_provider_callback to credits_app;
