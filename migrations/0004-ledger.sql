-- Users' money: the balance row that is also the lock, the lots, the ledger and what hangs on it.
--
-- Every table here starts its primary key with user_id, so that users can be spread over servers.
-- The first three are written on every call: few and short CHECKs, since PostgreSQL prepares each
-- of them anew for each statement, and no index on anything that changes every time, so that rows
-- are updated in place (HOT).

create table credits.user_credits (
    user_id uuid not null,
    balance bigint not null default 0,
    last_seq bigint not null default 0,
    last_entry_at timestamptz,
    next_expiry_at timestamptz,
    current_lot_id uuid,
    current_lot_remaining bigint not null default 0,
    low_balance_threshold bigint,
    frozen_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    allowance_credits bigint not null default 0,
    allowance_month date not null default date '1970-01-01',
    has_keyed_revocations boolean not null default false,
    ledger_head bytea not null default '\x'::bytea,
    plan text,
    frozen_reason text,
    constraint user_credits_pkey primary key (user_id),
    constraint user_credits_balance_not_negative check (balance >= 0),
    constraint user_credits_plan_exists foreign key (plan) references credits.plans (plan)
) with (fillfactor = 50);

-- For the sweeps. Neither column changes on an ordinary call.
create index user_credits_next_expiry on credits.user_credits (next_expiry_at)
where next_expiry_at is not null;
create index user_credits_allowance on credits.user_credits (
    plan, allowance_month, allowance_credits
)
where plan is not null;

comment on table credits.user_credits is
'One row per user: the balance, and the lock that every movement of this user''s credits takes '
'first. Outlives the user''s row in the application.';
comment on column credits.user_credits.user_id is
'The application''s id of the user.';
comment on column credits.user_credits.balance is
'Credits by the ledger. What can be spent is this less what remains in expired lots.';
comment on column credits.user_credits.last_seq is
'Position of the user''s last ledger row; rows are numbered 1, 2, 3 without gaps.';
comment on column credits.user_credits.last_entry_at is
'Time of the user''s last ledger row; it strictly rises.';
comment on column credits.user_credits.next_expiry_at is
'When the soonest lot that still holds credits expires; null = none does.';
comment on column credits.user_credits.current_lot_id is
'The lot that the next deduction burns first; null = no credits.';
comment on column credits.user_credits.current_lot_remaining is
'What remains in that lot.';
comment on column credits.user_credits.low_balance_threshold is
'Warn when the balance falls below it; null = never warn. Copied from settings at the start.';
comment on column credits.user_credits.frozen_at is
'Since when the user may not spend; null = may.';
comment on column credits.user_credits.created_at is
'When the first grant, plan, threshold or freeze made this row.';
comment on column credits.user_credits.updated_at is
'Last change other than by a movement of credits (plan, threshold, freeze, allowance, revocation); '
'movements are dated by last_entry_at.';
comment on column credits.user_credits.allowance_credits is
'Credits granted as allowance for allowance_month.';
comment on column credits.user_credits.allowance_month is
'First day of the latest month that an allowance was granted for; 1970-01-01 = none yet.';
comment on column credits.user_credits.has_keyed_revocations is
'Whether an idempotency key may be found in revocations only.';
comment on column credits.user_credits.ledger_head is
'entry_hash of the last ledger row; empty before the first.';
comment on column credits.user_credits.plan is
'The user''s subscription; null = none.';
comment on column credits.user_credits.frozen_reason is
'Why the user may not spend.';

create table credits.credit_lots (
    user_id uuid not null,
    lot_id uuid not null,
    granted bigint not null,
    remaining bigint not null,
    expires_at timestamptz,
    created_at timestamptz not null,
    grant_transaction_id uuid not null,
    origin_lot_id uuid,
    renewable_until timestamptz,
    revoked_owed bigint not null default 0,
    priority integer not null default 100,
    source credits.credit_source not null,
    depleted boolean not null generated always as (remaining = 0) stored,
    unit_price_usd numeric(18, 6),
    constraint credit_lots_pkey primary key (user_id, lot_id),
    constraint credit_lots_remaining_within_granted check (remaining between 0 and granted),
    constraint credit_lots_user_exists foreign key (user_id)
    references credits.user_credits (user_id)
) with (fillfactor = 70);

-- depleted changes only when a lot runs dry or is refilled, so that this index costs nothing on
-- the calls in between.
create index credit_lots_live on credits.credit_lots (user_id, priority, expires_at)
where not depleted;

comment on table credits.credit_lots is
'Where a user''s credits came from. Burned by priority, then soonest expiry, then free before '
'paid, then oldest. An expired lot is never spendable, swept or not.';
comment on column credits.credit_lots.user_id is
'Whose credits.';
comment on column credits.credit_lots.lot_id is
'Id of the lot: a uuid v7.';
comment on column credits.credit_lots.granted is
'Credits that the lot was made with.';
comment on column credits.credit_lots.remaining is
'Credits that are left in it.';
comment on column credits.credit_lots.expires_at is
'When what remains expires; null = never.';
comment on column credits.credit_lots.created_at is
'Time of the ledger row that made the lot.';
comment on column credits.credit_lots.grant_transaction_id is
'The ledger row that made the lot: a grant, or for a refund lot the refund.';
comment on column credits.credit_lots.origin_lot_id is
'For a refund lot the lot that its credits were first taken from; for a rollover lot the '
'allowance that it continues.';
comment on column credits.credit_lots.renewable_until is
'For a refund lot: no refund of what is taken from here lives longer, so that no loop of charge '
'and refund keeps credits alive for ever.';
comment on column credits.credit_lots.revoked_owed is
'Credits that a revocation could not get yet: later refunds into the lot, or into lots descended '
'from it, go there.';
comment on column credits.credit_lots.priority is
'Lower burns first.';
comment on column credits.credit_lots.source is
'Where the credits came from.';
comment on column credits.credit_lots.depleted is
'Whether nothing remains.';
comment on column credits.credit_lots.unit_price_usd is
'US dollars that one credit was sold for; 0 = free, null = unknown, counted as paid.';

create table credits.credit_transactions (
    user_id uuid not null,
    transaction_id uuid not null,
    seq bigint not null,
    credits bigint not null,
    requested_credits bigint,
    balance_after bigint not null,
    created_at timestamptz not null,
    redacted_at timestamptz,
    transaction_type credits.transaction_type not null,
    source credits.credit_source,
    refund_of uuid,
    revocation_of uuid,
    generation_id uuid,
    cost_usd numeric(18, 6),
    allocations jsonb not null,
    reason text,
    idempotency_key text,
    metadata jsonb not null,
    content_digest bytea not null,
    entry_hash bytea not null,
    constraint credit_transactions_pkey primary key (user_id, transaction_id),
    constraint credit_transactions_sign_fits_type check (
        case when transaction_type in ('grant', 'refund') then credits > 0 else credits < 0 end
    ),
    constraint credit_transactions_refund_names_its_charge check (
        (transaction_type = 'refund') = (refund_of is not null)
    )
);

create unique index credit_transactions_one_per_key
on credits.credit_transactions (user_id, idempotency_key)
where idempotency_key is not null;
create index credit_transactions_created_at
on credits.credit_transactions using brin (created_at) with (autosummarize = on);

comment on table credits.credit_transactions is
'The ledger: every movement of every balance, append-only. Each user''s rows form a hash chain.';
comment on column credits.credit_transactions.user_id is
'Whose credits moved.';
comment on column credits.credit_transactions.transaction_id is
'Id of the row: a uuid v7 that carries created_at to the microsecond, so that its order is that '
'of seq.';
comment on column credits.credit_transactions.seq is
'Position in the user''s ledger: 1, 2, 3 without gaps.';
comment on column credits.credit_transactions.credits is
'Credits moved; positive for grant and refund, negative for the rest.';
comment on column credits.credit_transactions.requested_credits is
'The amount as the caller gave it; null = the caller left it to us.';
comment on column credits.credit_transactions.balance_after is
'The balance with this row.';
comment on column credits.credit_transactions.created_at is
'The server''s time, later than every earlier row of the user.';
comment on column credits.credit_transactions.redacted_at is
'When reason and metadata were blanked; null = they are as written.';
comment on column credits.credit_transactions.transaction_type is
'Why the balance moved.';
comment on column credits.credit_transactions.source is
'Of a grant: where the credits came from.';
comment on column credits.credit_transactions.refund_of is
'Of a refund: the deduction that it gives back.';
comment on column credits.credit_transactions.revocation_of is
'Of a revocation: the grant that it takes back.';
comment on column credits.credit_transactions.generation_id is
'The generation that was paid or refunded; null = none.';
comment on column credits.credit_transactions.cost_usd is
'Of a deduction: what the provider''s work was expected to cost, in US dollars; null = unknown.';
comment on column credits.credit_transactions.allocations is
'Which lots moved, in order, as [{"lot_id": uuid, "credits": signed number}, ...]; they sum to '
'credits.';
comment on column credits.credit_transactions.reason is
'Why, in the caller''s words.';
comment on column credits.credit_transactions.idempotency_key is
'The caller''s key: a second call of the user with it repeats this row''s answer.';
comment on column credits.credit_transactions.metadata is
'The caller''s own JSON object.';
comment on column credits.credit_transactions.content_digest is
'sha256 over the UTF-8 text that json_build_array(reason, metadata::text) prints.';
comment on column credits.credit_transactions.entry_hash is
'sha256 over the previous row''s entry_hash (nothing for the first) and the row''s canonical '
'text; see credits_internal.entry_hash.';

create table credits.refund_totals (
    user_id uuid not null,
    transaction_id uuid not null,
    charged bigint not null,
    refunded bigint not null,
    last_refund_id uuid not null,
    constraint refund_totals_pkey primary key (user_id, transaction_id),
    constraint refund_totals_refunded_within_charged check (refunded between 0 and charged)
) with (fillfactor = 70);

comment on table credits.refund_totals is
'How much of a deduction was given back; made by its first refund. Its CHECK holds the cap.';
comment on column credits.refund_totals.user_id is
'Whose deduction.';
comment on column credits.refund_totals.transaction_id is
'The deduction.';
comment on column credits.refund_totals.charged is
'Credits that it took.';
comment on column credits.refund_totals.refunded is
'Credits given back so far.';
comment on column credits.refund_totals.last_refund_id is
'The latest refund''s ledger row.';

create table credits.revocations (
    user_id uuid not null,
    revocation_id uuid not null,
    grant_transaction_id uuid not null,
    lot_id uuid not null,
    requested_credits bigint,
    credits bigint not null,
    recovered_credits bigint not null,
    owed_credits bigint not null,
    transaction_id uuid,
    created_at timestamptz not null,
    idempotency_key text,
    reason text,
    constraint revocations_pkey primary key (user_id, revocation_id),
    constraint revocations_one_per_key unique (user_id, idempotency_key),
    constraint revocations_credits_positive check (credits > 0),
    constraint revocations_recovered_not_negative check (recovered_credits >= 0),
    constraint revocations_owed_not_negative check (owed_credits >= 0),
    constraint revocations_recovered_and_owed_add_up check (
        recovered_credits + owed_credits = credits
    ),
    constraint revocations_lot_exists foreign key (user_id, lot_id)
    references credits.credit_lots (user_id, lot_id)
);

create index revocations_by_lot on credits.revocations (user_id, lot_id);

comment on table credits.revocations is
'Grants taken back (chargeback, fraud), also where nothing could be recovered.';
comment on column credits.revocations.user_id is
'Whose grant.';
comment on column credits.revocations.revocation_id is
'Id of the revocation: a uuid v7.';
comment on column credits.revocations.grant_transaction_id is
'The grant that is taken back.';
comment on column credits.revocations.lot_id is
'The lot that the grant made.';
comment on column credits.revocations.requested_credits is
'The amount as the caller gave it; null = all not yet revoked.';
comment on column credits.revocations.credits is
'What that came to.';
comment on column credits.revocations.recovered_credits is
'Credits taken so far, later refunds included.';
comment on column credits.revocations.owed_credits is
'Credits still to be taken when they come back.';
comment on column credits.revocations.transaction_id is
'Ledger row of what was recovered at once; null = nothing was.';
comment on column credits.revocations.created_at is
'When it was asked for.';
comment on column credits.revocations.idempotency_key is
'The caller''s key.';
comment on column credits.revocations.reason is
'Why, in the caller''s words.';

create table credits.ledger_checks (
    user_id uuid not null,
    verified_at timestamptz not null,
    violations bigint not null,
    constraint ledger_checks_pkey primary key (user_id)
);

create index ledger_checks_verified_at on credits.ledger_checks (verified_at);

comment on table credits.ledger_checks is
'When check_ledger last verified each user, and what it found.';
comment on column credits.ledger_checks.user_id is
'Whose ledger.';
comment on column credits.ledger_checks.verified_at is
'When it was last verified.';
comment on column credits.ledger_checks.violations is
'How many rows verify_ledger gave; 0 = healthy.';
