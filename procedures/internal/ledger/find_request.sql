-- What an earlier call of the user under the same idempotency key did.
--
-- Call it under the user's lock, as a statement of its own: the statement that waited for the lock
-- still sees the ledger as it was before the wait.
--
-- Errors: PT409 idempotency_conflict.

create or replace function credits_internal.find_request(
    p_user_id uuid,
    p_has_keyed_revocations boolean,
    p_idempotency_key text,
    p_transaction_type credits.transaction_type,
    p_target uuid default null,
    p_credits bigint default null,
    p_source credits.credit_source default null
)
returns credits_internal.stored_request
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $find_request$
declare
    v_prior record;
    v_field text;
begin
    if p_idempotency_key is null then
        return null;
    end if;

    select
        t.transaction_id,
        t.transaction_type,
        coalesce(t.refund_of, t.revocation_of) as target,
        t.requested_credits,
        t.source,
        t.generation_id,
        t.credits
    into v_prior
    from credits.credit_transactions as t
    where
        t.user_id = p_user_id
        and t.idempotency_key = p_idempotency_key;

    if not found then
        if p_has_keyed_revocations is not true then
            return null;
        end if;

        -- A revocation that could recover nothing has no ledger row.
        select
            r.transaction_id,
            'revocation'::credits.transaction_type as transaction_type,
            r.grant_transaction_id as target,
            r.requested_credits,
            null::credits.credit_source as source,
            null::uuid as generation_id,
            0::bigint as credits
        into v_prior
        from credits.revocations as r
        where
            r.user_id = p_user_id
            and r.idempotency_key = p_idempotency_key;

        if not found then
            return null;
        end if;
    end if;

    v_field := case
        when v_prior.transaction_type <> p_transaction_type then 'function'
        when v_prior.target is distinct from p_target then 'p_transaction_id'
        when v_prior.requested_credits is distinct from p_credits then 'p_credits'
        when v_prior.source is distinct from p_source then 'p_source'
    end;

    if v_field is not null then
        perform credits_internal.refuse(
            p_sqlstate => 'PT409',
            p_code => 'idempotency_conflict',
            p_message => 'this idempotency key was used for another request',
            p_hint => 'Repeat the first request unchanged, or pass a new key for a new one.',
            p_figures => jsonb_build_object('key', p_idempotency_key, 'field', v_field)
        );
    end if;

    return row(v_prior.transaction_id, v_prior.credits)::credits_internal.stored_request;
end
$find_request$;

comment on function credits_internal.find_request is
'The earlier request under this key (credits = null where there is none); refuses another request '
'under the same key with PT409. The same request means: same function, target, credits as given '
'and source.';

revoke all on function credits_internal.find_request from public;
