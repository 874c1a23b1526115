-- Report that a generation failed, and refund what the policy says.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found.

create or replace function credits.fail_generation(
    p_user_id uuid,
    p_generation_id uuid,
    p_error_type text default 'unknown',
    p_error_message text default null,
    p_error_code text default null,
    p_provider_billed boolean default null,
    p_cost_usd double precision default null
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $fail_generation$
begin
    return credits_internal.apply_event(
        p_generation => credits_internal.lock_generation(p_user_id, p_generation_id),
        p_event => 'failure',
        p_error_type => p_error_type,
        p_code => credits_internal.trimmed(p_error_code),
        p_message => p_error_message,
        p_provider_billed => p_provider_billed,
        p_cost_usd => p_cost_usd::numeric
    );
end
$fail_generation$;

comment on function credits.fail_generation is
'Report a failure, whatever it was: what refund_policies say of p_error_type comes back, once. '
'p_provider_billed: whether the provider bills it all the same (null = unknown), p_cost_usd how '
'much, in US dollars. Long texts are cut and a cost that makes no sense is left out, not refused. '
'Safe to repeat. Errors: PT422 invalid_argument, PT404 generation_not_found. Call it in FROM.';

revoke all on function credits.fail_generation from public;
grant execute on function credits.fail_generation to credits_app;
