-- Stop a generation that the user no longer wants.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found.

create or replace function credits.cancel_generation(
    p_user_id uuid,
    p_generation_id uuid,
    p_reason text default null
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $cancel_generation$
begin
    return credits_internal.apply_event(
        p_generation => credits_internal.lock_generation(p_user_id, p_generation_id),
        p_event => 'cancel',
        p_message => p_reason
    );
end
$cancel_generation$;

comment on function credits.cancel_generation is
'Cancel a generation. Before the provider has it, all its credits come back; after that, what '
'refund_policies say of user_cancelled. A failure that is reported later raises the refund to what '
'the policy says of that failure. A finished generation stays as it is. A long reason is cut. '
'Safe to repeat. '
'Errors: PT422 invalid_argument, PT404 generation_not_found. Call it in FROM.';

revoke all on function credits.cancel_generation from public;
grant execute on function credits.cancel_generation to credits_app;
