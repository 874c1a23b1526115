-- Charge a user for a generation, and record it: one act.
--
-- Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT404 generation_not_found,
-- PT403 account_frozen, PT402 insufficient_credits.

create or replace function credits.start_generation(
    p_user_id uuid,
    p_provider text,
    p_generation_type text,
    p_credits bigint,
    p_generation_id uuid default null,
    p_quoted_cost_usd double precision default null,
    p_timeout interval default null,
    p_retry_of uuid default null,
    p_metadata jsonb default '{}'
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $start_generation$
declare
    v_provider constant text := credits_internal.lower_case(credits_internal.trimmed(p_provider));
    v_type constant text := credits_internal.trimmed(p_generation_type);
    v_quoted_cost_usd constant numeric := p_quoted_cost_usd;
    v_terms record;
    v_generation_id uuid := p_generation_id;
    v_charge credits.transaction_result;
    v_now timestamptz;
begin
    -- This expression lets every good call pass; the require_ functions judge whatever it stops.
    if p_user_id is null
        or not credits_internal.are_good_credits(p_credits)
        or not credits_internal.is_good_word(p_provider, 100)
        or not credits_internal.is_good_word(p_generation_type, 100)
        or not credits_internal.is_good_usd(v_quoted_cost_usd)
        or not credits_internal.is_good_timeout(p_timeout)
        or not credits_internal.is_good_metadata(p_metadata)
    then
        perform credits_internal.require_user(p_user_id);
        perform credits_internal.require_word(
            'p_provider', p_provider, 100, 'Name who does the work.'
        );
        perform credits_internal.require_word(
            'p_generation_type', p_generation_type, 100, 'Name what is made.'
        );
        perform credits_internal.require_credits(p_credits);
        perform credits_internal.require_usd('p_quoted_cost_usd', v_quoted_cost_usd);
        perform credits_internal.require_timeout(p_timeout);
        perform credits_internal.require_metadata(p_metadata);
    end if;

    if p_generation_id is not null or p_retry_of is not null then
        perform
        from credits.user_credits as u
        where u.user_id = p_user_id
        for no key update;

        if exists (
            select
            from credits.generations as g
            where
                g.user_id = p_user_id
                and g.generation_id = p_generation_id
        ) then
            perform credits_internal.require_same_start(
                p_user_id => p_user_id,
                p_generation_id => p_generation_id,
                p_provider => v_provider,
                p_generation_type => v_type,
                p_credits => p_credits
            );

            return credits_internal.generation_result(p_user_id, p_generation_id, false, true);
        end if;

        if p_retry_of is not null then
            perform
            from credits.generations as g
            where
                g.user_id = p_user_id
                and g.generation_id = p_retry_of;

            if not found then
                perform credits_internal.refuse_generation(p_retry_of);
            end if;
        end if;
    end if;

    select
        coalesce(p_timeout, s.default_generation_timeout) as timeout,
        coalesce(
            v_quoted_cost_usd,
            (
                select p.cost_usd
                from credits.provider_prices as p
                where
                    p.provider = v_provider
                    and p.generation_type = v_type
                    and p.effective_from <= credits_internal.clock()
                order by p.effective_from desc
                limit 1
            )
        ) as quoted_cost_usd
    into strict v_terms
    from credits.settings as s;

    if v_generation_id is null then
        v_generation_id := credits_internal.uuid_v7(credits_internal.clock());
    end if;

    v_charge := credits_internal.deduct(
        p_user_id => p_user_id,
        p_credits => p_credits,
        p_reason => null,
        p_idempotency_key => null,
        p_cost_usd => v_terms.quoted_cost_usd,
        p_metadata => '{}',
        p_generation_id => v_generation_id
    );

    -- The clock is read only now, because the charge may have waited for the user's lock.
    v_now := credits_internal.clock();

    insert into credits.generations (
        user_id,
        generation_id,
        charge_transaction_id,
        credits_charged,
        created_at,
        deadline_at,
        last_event_no,
        retry_of,
        quoted_cost_usd,
        provider,
        generation_type,
        metadata
    )
    values (
        p_user_id,
        v_generation_id,
        v_charge.transaction_id,
        p_credits,
        v_now,
        v_now + v_terms.timeout,
        1,
        p_retry_of,
        v_terms.quoted_cost_usd,
        v_provider,
        v_type,
        coalesce(p_metadata, '{}')
    );

    insert into credits.generation_events (
        user_id,
        generation_id,
        event_no,
        event,
        applied,
        is_callback,
        created_at,
        credits,
        cost_usd,
        payload
    )
    values (
        p_user_id,
        v_generation_id,
        1,
        'started',
        true,
        false,
        v_now,
        p_credits,
        v_terms.quoted_cost_usd,
        '{}'
    );

    return row(
        v_generation_id,
        p_user_id,
        'pending',
        p_credits,
        0,
        false,
        v_charge.balance,
        true,
        false
    )::credits.generation_result;
end
$start_generation$;

comment on function credits.start_generation is
'Charge a user for a generation and record it, both or neither. Commit, then call the provider; do '
'not call it where status is not pending or, on a replay, a task is attached. p_generation_id: '
'your own id makes the call safe to repeat (credits, provider and type must be the same). '
'p_quoted_cost_usd: what the provider''s work should cost you, in US dollars; null = as '
'provider_prices says. p_timeout: when to give up and refund; null = as settings say. p_retry_of: '
'the generation that this one tries again; it is charged anew. '
'Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT404 generation_not_found, PT403 '
'account_frozen, PT402 insufficient_credits. Call it in FROM.';

revoke all on function credits.start_generation from public;
grant execute on function credits.start_generation to credits_app;
