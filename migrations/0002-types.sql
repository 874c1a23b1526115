-- Closed word lists, and the named rows that functions return.

create type credits.transaction_type as enum (
    'grant', 'deduction', 'refund', 'expiry', 'revocation'
);
comment on type credits.transaction_type is
'Why a balance moved. grant and refund add credits; deduction, expiry and revocation take them.';

create type credits.credit_source as enum (
    'purchase', 'allowance', 'promo', 'referral', 'goodwill',
    'refund', 'rollover', 'import', 'adjustment'
);
comment on type credits.credit_source is
'Where credits came from. refund and rollover are written by the ledger alone.';

create type credits.transaction_result as (
    transaction_id uuid,
    user_id uuid,
    credits bigint,
    balance bigint,
    replayed boolean
);
comment on type credits.transaction_result is
'One movement: its credits signed as in the ledger, the spendable balance now, and whether this '
'call only repeats the answer to an earlier one.';

create type credits.refund_result as (
    refunded boolean,
    credits_refunded bigint,
    transaction_id uuid,
    balance bigint,
    replayed boolean
);
comment on type credits.refund_result is
'What came back to the user, the refund''s ledger row, the spendable balance now, and whether this '
'call only repeats the answer to an earlier one.';

create type credits.user_balance as (
    user_id uuid,
    balance bigint,
    expiring_credits bigint,
    next_expiry_at timestamptz,
    plan text,
    low_balance_threshold bigint,
    frozen boolean
);
comment on type credits.user_balance is
'What a user can spend now, how much of it will expire, the soonest expiry (null = none), the '
'plan, the warning threshold (null = never warn), and whether spending is stopped.';

create type credits.user_transaction as (
    transaction_id uuid,
    user_id uuid,
    seq bigint,
    created_at timestamptz,
    transaction_type text,
    credits bigint,
    balance_after bigint,
    source text,
    refund_of uuid,
    revocation_of uuid,
    generation_id uuid,
    cost_usd numeric,
    reason text,
    idempotency_key text,
    metadata jsonb
);
comment on type credits.user_transaction is
'One ledger row as an application shows it to its user.';

create type credits.sweep_result as (
    user_id uuid,
    generation_id uuid,
    credits bigint,
    error text
);
comment on type credits.sweep_result is
'What a sweep did for one user: the credits moved, signed as in the ledger, or the error that '
'kept it from serving this user.';

create type credits.ledger_violation as (
    kind text,
    user_id uuid,
    transaction_id uuid,
    generation_id uuid,
    expected text,
    actual text,
    detail text
);
comment on type credits.ledger_violation is
'One place where the ledger does not prove itself.';

create type credits_internal.stored_request as (
    transaction_id uuid,
    credits bigint
);
comment on type credits_internal.stored_request is
'What an earlier call with the same idempotency key did. transaction_id is null for a revocation '
'that could recover nothing; credits is null where there was no such call.';
