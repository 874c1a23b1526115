-- Add credits to a user's balance: a lot and a ledger row.
--
-- Errors: PT422 invalid_argument, PT404 user_not_found, PT409 idempotency_conflict.

create or replace function credits.grant_user_credits(
    p_user_id uuid,
    p_credits bigint,
    p_source text default 'goodwill',
    p_expires_at timestamptz default null,
    p_priority integer default null,
    p_unit_price_usd double precision default null,
    p_reason text default null,
    p_idempotency_key text default null,
    p_metadata jsonb default '{}'
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $grant_user_credits$
declare
    v_unit_price_usd constant numeric := p_unit_price_usd;
    -- The expiry infinity means the same as null: the credits never expire.
    v_expires_at constant timestamptz := nullif(p_expires_at, 'infinity');
    v_user credits.user_credits;
    v_prior credits_internal.stored_request;
    v_now timestamptz;
    v_at timestamptz;
    v_transaction_id uuid;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_credits(p_credits);
    perform credits_internal.require_source(p_source);
    perform credits_internal.require_usd('p_unit_price_usd', v_unit_price_usd);
    perform credits_internal.require_reason(p_reason);
    perform credits_internal.require_key(p_idempotency_key);
    perform credits_internal.require_metadata(p_metadata);

    -- Payment providers send each webhook more than once.
    if p_source = 'purchase' and p_idempotency_key is null then
        perform credits_internal.refuse_argument(
            'p_idempotency_key',
            null,
            'is null for a purchase',
            'Pass the id of the payment, so that the same payment is never granted twice.'
        );
    end if;

    v_user := credits_internal.lock_user(p_user_id, p_create_missing => true);
    v_prior := credits_internal.find_request(
        p_user_id => p_user_id,
        p_has_keyed_revocations => v_user.has_keyed_revocations,
        p_idempotency_key => p_idempotency_key,
        p_transaction_type => 'grant',
        p_credits => p_credits,
        p_source => p_source::credits.credit_source
    );

    if v_prior.credits is not null then
        return credits_internal.replayed_transaction(p_user_id, v_prior);
    end if;

    v_now := credits_internal.clock();

    if v_expires_at <= v_now then
        perform credits_internal.refuse_argument(
            'p_expires_at',
            p_expires_at::text,
            'is in the past',
            'Pass a time in the future, or null for credits that never expire.'
        );
    end if;

    v_user := credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);
    v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
    v_transaction_id := credits_internal.uuid_v7(v_at);
    v_user := credits_internal.add_lot(
        p_user => v_user,
        p_transaction_id => v_transaction_id,
        p_at => v_at,
        p_credits => p_credits,
        p_requested_credits => p_credits,
        p_source => p_source::credits.credit_source,
        p_expires_at => v_expires_at,
        p_priority => coalesce(p_priority, 100),
        p_unit_price_usd => v_unit_price_usd,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key,
        p_metadata => p_metadata
    );

    return row(v_transaction_id, p_user_id, p_credits, v_user.balance, false);
end
$grant_user_credits$;

comment on function credits.grant_user_credits is
'Add credits to a user. A purchase needs an idempotency key: the payment''s id. '
'p_expires_at: null = never. p_priority: lower is spent first, null = 100. '
'p_unit_price_usd: US dollars paid for one credit, 0 = free, null = unknown. '
'Errors: PT422 invalid_argument, PT404 user_not_found (settings.require_registered_users), PT409 '
'idempotency_conflict. Call it in FROM.';

revoke all on function credits.grant_user_credits from public;
grant execute on function credits.grant_user_credits to credits_app;
