-- Take credits from a user.
--
-- Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT403 account_frozen,
-- PT402 insufficient_credits.

create or replace function credits.deduct_user_credits(
    p_user_id uuid,
    p_credits bigint,
    p_reason text default null,
    p_idempotency_key text default null,
    p_cost_usd double precision default null,
    p_metadata jsonb default '{}'
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $deduct_user_credits$
declare
    v_cost_usd constant numeric := p_cost_usd;
    v_metadata constant jsonb := coalesce(p_metadata, '{}');
begin
    -- Each require_ function costs as much as a small statement. This expression lets every good
    -- call pass without them; they judge whatever it stops.
    if p_user_id is null
        or not credits_internal.are_good_credits(p_credits)
        or not credits_internal.is_good_usd(v_cost_usd)
        or not credits_internal.is_good_reason(p_reason)
        or not credits_internal.is_good_key(p_idempotency_key)
        or not credits_internal.is_good_metadata(p_metadata)
    then
        perform credits_internal.require_user(p_user_id);
        perform credits_internal.require_credits(p_credits);
        perform credits_internal.require_usd('p_cost_usd', v_cost_usd);
        perform credits_internal.require_reason(p_reason);
        perform credits_internal.require_key(p_idempotency_key);
        perform credits_internal.require_metadata(p_metadata);
    end if;

    return credits_internal.deduct(
        p_user_id => p_user_id,
        p_credits => p_credits,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key,
        p_cost_usd => v_cost_usd,
        p_metadata => v_metadata
    );
end
$deduct_user_credits$;

comment on function credits.deduct_user_credits is
'Take credits from a user, all or nothing. p_cost_usd: what the paid work is expected to cost you, '
'in US dollars. '
'Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT403 account_frozen, PT402 '
'insufficient_credits. Call it in FROM.';

revoke all on function credits.deduct_user_credits from public;
grant execute on function credits.deduct_user_credits to credits_app;
