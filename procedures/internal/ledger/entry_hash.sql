-- The hash that chains a user's ledger rows.
--
-- sha256 over the previous row's hash (32 bytes; none before the first) followed by the UTF-8 bytes
-- of a canonical text: the JSON array that json_build_array prints for the fields below, in this
-- order, separated by a comma and a space. uuids and words are strings; credits, seq and times are
-- numbers (times in microseconds since 1970); cost_usd is a number with six decimals; allocations
-- are as jsonb prints them; the digest is hexadecimal; what is missing is null. 'v1' is the
-- version of this text.
--
-- Inlined by the planner, since it stands in the money path.

create or replace function credits_internal.entry_hash(
    p_previous bytea,
    p_user_id uuid,
    p_transaction_id uuid,
    p_seq bigint,
    p_transaction_type credits.transaction_type,
    p_credits bigint,
    p_requested_credits bigint,
    p_balance_after bigint,
    p_allocations jsonb,
    p_source credits.credit_source,
    p_refund_of uuid,
    p_revocation_of uuid,
    p_generation_id uuid,
    p_cost_usd numeric,
    p_idempotency_key text,
    p_content_digest bytea,
    p_created_at timestamptz
)
returns bytea
language sql
stable
parallel safe
security invoker
as $entry_hash$
    select pg_catalog.sha256(
        p_previous || pg_catalog.convert_to(
            pg_catalog.json_build_array(
                'v1',
                p_user_id,
                p_transaction_id,
                p_seq,
                p_transaction_type,
                p_credits,
                p_requested_credits,
                p_balance_after,
                p_allocations,
                p_source,
                p_refund_of,
                p_revocation_of,
                p_generation_id,
                p_cost_usd,
                p_idempotency_key,
                pg_catalog.encode(p_content_digest, 'hex'),
                credits_internal.epoch_us(p_created_at)
            )::text,
            'UTF8'
        )
    )
$entry_hash$;

comment on function credits_internal.entry_hash is
'sha256 over the previous row''s hash and the UTF-8 text of json_build_array(''v1'', user_id, '
'transaction_id, seq, transaction_type, credits, requested_credits, balance_after, allocations, '
'source, refund_of, revocation_of, generation_id, cost_usd, idempotency_key, content_digest in '
'hexadecimal, created_at in microseconds since 1970).';

revoke all on function credits_internal.entry_hash from public;
