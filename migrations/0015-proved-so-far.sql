-- Up to where each user's ledger has been proved, so that a check goes on from there.

create type credits_internal.checkpoint as (
    transaction_id uuid,
    seq bigint,
    created_at timestamptz,
    entry_hash bytea,
    balance bigint,
    lots jsonb,
    in_flight uuid [],
    generation_id uuid
);
comment on type credits_internal.checkpoint is
'Up to where one user''s ledger has been proved: the last row that was (the nil uuid = none yet), '
'what it says, and what each lot held then by the ledger, where that is not 0. in_flight: the '
'generations that may still change without a ledger row. generation_id: of a proof from the first '
'row that is under way, the last generation that it has looked at; null = it has ended.';

create type credits_internal.proof_piece as (
    after_id uuid,
    after_seq bigint,
    after_at timestamptz,
    after_hash bytea,
    after_balance bigint,
    after_lots jsonb,
    upto_id uuid,
    is_last boolean,
    ledger_rows bigint,
    transactions uuid [],
    grants uuid [],
    lots uuid [],
    rollovers uuid [],
    generations uuid [],
    charges uuid [],
    generation_id uuid
);
comment on type credits_internal.proof_piece is
'A part of one user''s ledger that is proved in one go: the rows after a checkpoint (after_...) up '
'to upto_id, and what they concern. transactions: deductions, and what refunds name; grants: with '
'their lots, and what revocations name; rollovers: allowances that have rolled over; charges: the '
'deductions of generations; generation_id: as in the checkpoint. is_last: it reaches the end, '
'where balances can be compared.';

create type credits_internal.proof as (
    checkpoint credits_internal.checkpoint,
    is_last boolean,
    ledger_rows bigint,
    violations credits.ledger_violation []
);
comment on type credits_internal.proof is
'What came of the proof of one piece: where to go on, whether the end is reached, how many ledger '
'rows were proved, and the violations.';

create type credits.ledger_part as (
    position jsonb,
    first_user_id uuid,
    last_user_id uuid,
    users bigint,
    ledger_rows bigint,
    total_rows bigint,
    violations credits.ledger_violation []
);
comment on type credits.ledger_part is
'What verify_ledger_part verified: all users from first_user_id to last_user_id, with as many rows '
'(users: those who have any); both are null after a piece of a user of many rows that is not the '
'last. position is for the next call; null = that was all. total_rows: how many rows the whole '
'verification has, as counted at its start.';

alter table credits.ledger_checks
alter column verified_at drop not null,
add column full_at timestamptz,
add column found bigint,
add column checkpoint credits_internal.checkpoint,
add column rewritten_at timestamptz;

comment on table credits.ledger_checks is
'When check_ledger last verified each user, what it found, and where the next check goes on.';
comment on column credits.ledger_checks.verified_at is
'When it was last verified, or a piece of it; null = not yet.';
comment on column credits.ledger_checks.violations is
'How many violations were found; 0 = healthy. They stay here until a proof from the first row '
'finds none.';
comment on column credits.ledger_checks.full_at is
'When everything was last proved from the first row; null = not yet.';
comment on column credits.ledger_checks.found is
'Of a proof of several pieces that is under way: how many violations it has found; null = none is '
'under way.';
comment on column credits.ledger_checks.checkpoint is
'Up to where the ledger has been proved; null = nothing is.';
comment on column credits.ledger_checks.rewritten_at is
'When the row of the checkpoint was found gone or changed; null = never. A history that was '
'written anew proves itself: so this counts as a violation until the owner sets it to null.';

-- Whose turn is next, and whose proof is under way, without reading the others.
drop index credits.ledger_checks_verified_at;
create index ledger_checks_verified_at on credits.ledger_checks (verified_at nulls first);
create index ledger_checks_under_way on credits.ledger_checks (verified_at)
where found is not null;

-- What was refunded or revoked of one ledger row, without reading the user's others.
create index credit_transactions_reversals
on credits.credit_transactions (user_id, coalesce(refund_of, revocation_of))
where coalesce(refund_of, revocation_of) is not null;

-- Who else was granted a payment, without reading the ledger.
create index credit_transactions_purchases on credits.credit_transactions (idempotency_key)
where source = 'purchase';

alter table credits.settings
add column full_check_every interval not null default '30 days',
add constraint settings_full_check_every_in_range check (
    full_check_every >= interval '1 hour'
    and full_check_every <= interval '36525 days'
),
add constraint settings_full_check_every_no_negative_part check (
    least(
        extract(year from full_check_every),
        extract(month from full_check_every),
        extract(day from full_check_every),
        extract(hour from full_check_every),
        extract(minute from full_check_every),
        extract(second from full_check_every)
    ) >= 0
);
comment on column credits.settings.full_check_every is
'How often check_ledger proves each user''s ledger from the first row; in between it proves what '
'came since its last check.';

insert into credits.sweep_positions (task)
values
('check_ledger');

insert into credits.alert_types (type, is_judged)
values
('purchase_key_shared', true);

insert into credits.alert_rules (type, level, time_window, renotify_after, description)
values
(
    'purchase_key_shared', 'critical', interval '1 hour', interval '6 hours',
    'One payment was granted to several users, the last time within time_window. Resolved when all '
    'but one of the grants have been revoked in full.'
);
