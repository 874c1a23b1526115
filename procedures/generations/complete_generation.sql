-- Report that a generation succeeded, with its final price and cost.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found.

create or replace function credits.complete_generation(
    p_user_id uuid,
    p_generation_id uuid,
    p_final_credits bigint default null,
    p_cost_usd double precision default null,
    p_metadata jsonb default '{}'
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $complete_generation$
declare
    v_generation credits.generations;
    v_metadata jsonb := coalesce(p_metadata, '{}');
    v_dropped text [];
begin
    if p_final_credits < 0 then
        perform credits_internal.refuse_argument(
            'p_final_credits',
            p_final_credits::text,
            'is ' || p_final_credits::text,
            'Pass what the generation costs the user: 0 or more, or null for what was charged.'
        );
    end if;

    v_generation := credits_internal.lock_generation(p_user_id, p_generation_id);

    -- Metadata that make no sense are dropped: they must not keep a success from being recorded.
    if v_metadata <> '{}'
        and (
            jsonb_typeof(v_metadata) <> 'object'
            or octet_length((v_generation.metadata || v_metadata)::text) > 16384
        )
    then
        v_metadata := '{}';
        v_dropped := array['p_metadata'];
    end if;

    return credits_internal.apply_event(
        p_generation => v_generation,
        p_event => 'success',
        p_final_credits => p_final_credits,
        p_cost_usd => p_cost_usd::numeric,
        p_metadata => v_metadata,
        p_payload => case
            when v_generation.finished_at is not null and v_metadata <> '{}'
                then credits_internal.kept_payload(v_generation.finished_at, v_metadata)
            else v_metadata
        end,
        p_dropped => v_dropped
    );
end
$complete_generation$;

comment on function credits.complete_generation is
'Report a success; deliver the result only where status is succeeded. p_final_credits: the final '
'price (null = as charged). A price below the charge gives the difference back, also in a later '
'call; one above it changes nothing and opens an alert. p_cost_usd: what the provider bills, in US '
'dollars. '
'p_metadata is added to the generation''s. A cost or metadata that make no sense are left out, '
'not refused. Safe to repeat. Errors: PT422 invalid_argument, PT404 generation_not_found. Call it '
'in FROM.';

revoke all on function credits.complete_generation from public;
grant execute on function credits.complete_generation to credits_app;
