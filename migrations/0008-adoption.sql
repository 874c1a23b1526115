-- What came over from an older credit system.

create type credits.imported_kind as enum ('grant', 'charge', 'refund', 'expiry', 'other');
comment on type credits.imported_kind is
'What a row of an older system''s history did.';

create table credits.imported_tables (
    source_table text not null,
    role text not null,
    read_as text not null,
    rows_copied bigint not null default 0,
    copied_to text,
    changes_from xid8 not null,
    began_at timestamptz not null,
    copied_at timestamptz,
    closed_at timestamptz,
    constraint imported_tables_pkey primary key (source_table, role),
    constraint imported_tables_role_known check (
        role in ('balances', 'history', 'refunds', 'tasks')
    )
);

comment on table credits.imported_tables is
'How far each table of an older system has been copied, so that a copy can go on where it was '
'stopped.';
comment on column credits.imported_tables.source_table is
'The table, with its schema.';
comment on column credits.imported_tables.role is
'What it was read as: balances, history, refunds or tasks.';
comment on column credits.imported_tables.read_as is
'Fingerprint of what the plan said of it: where that changes, a history is copied again, and '
'balances are refused.';
comment on column credits.imported_tables.rows_copied is
'How many of its rows were copied.';
comment on column credits.imported_tables.copied_to is
'The key of the last row copied in its order; null = none yet.';
comment on column credits.imported_tables.changes_from is
'Rows written by this transaction or later ones may have changed since they were copied.';
comment on column credits.imported_tables.began_at is
'When its copy began.';
comment on column credits.imported_tables.copied_at is
'When all rows had been copied once, or all tasks were generations; null = not yet.';
comment on column credits.imported_tables.closed_at is
'When it was cut over: nothing may be written there since then; null = not yet.';

create table credits.imported_history (
    user_id uuid not null,
    source_table text not null,
    source_id text not null,
    occurred_at timestamptz,
    imported_at timestamptz not null,
    redacted_at timestamptz,
    credits bigint,
    cost_usd numeric(18, 6),
    kind credits.imported_kind not null,
    reference text,
    original jsonb not null,
    constraint imported_history_pkey primary key (user_id, source_table, source_id)
);

comment on table credits.imported_history is
'Rows of an older system''s history, as they were found: a memo that never moves a balance.';
comment on column credits.imported_history.user_id is
'Whose; the nil uuid = the old row named nobody.';
comment on column credits.imported_history.source_table is
'The table that it is from, with its schema.';
comment on column credits.imported_history.source_id is
'The old row''s key.';
comment on column credits.imported_history.occurred_at is
'When it happened, by the old row; null = it does not say.';
comment on column credits.imported_history.imported_at is
'When it was copied.';
comment on column credits.imported_history.redacted_at is
'When original was blanked; null = it is as found.';
comment on column credits.imported_history.credits is
'By how much it moved the balance, with its sign; null = it does not say.';
comment on column credits.imported_history.cost_usd is
'US dollars that it cost, by the old row; null = it does not say.';
comment on column credits.imported_history.kind is
'What it did.';
comment on column credits.imported_history.reference is
'What the old row says that it belongs to: a task, a payment, a request.';
comment on column credits.imported_history.original is
'The old row as it was found. Hostile input: show it as text.';

create table credits.imported_balances (
    user_id uuid not null,
    source_table text not null,
    source_id text not null,
    bucket text not null,
    imported_at timestamptz not null,
    expires_at timestamptz,
    found bigint not null,
    granted bigint not null,
    priority integer not null,
    unit_price_usd numeric(18, 6),
    transaction_id uuid,
    idempotency_key text not null,
    constraint imported_balances_pkey primary key (user_id, idempotency_key),
    constraint imported_balances_granted_not_negative check (granted >= 0)
);

comment on table credits.imported_balances is
'The balances with which an older system was left, and the grants with which they came over.';
comment on column credits.imported_balances.user_id is
'Whose.';
comment on column credits.imported_balances.source_table is
'The table that it is from, with its schema.';
comment on column credits.imported_balances.source_id is
'The old row''s key.';
comment on column credits.imported_balances.bucket is
'The old column.';
comment on column credits.imported_balances.imported_at is
'When it was cut over.';
comment on column credits.imported_balances.expires_at is
'When these credits expire; null = never.';
comment on column credits.imported_balances.found is
'What the old column held: possibly less than 0.';
comment on column credits.imported_balances.granted is
'Credits that came over.';
comment on column credits.imported_balances.priority is
'Of the lot that was made: lower is spent first.';
comment on column credits.imported_balances.unit_price_usd is
'US dollars that one credit had cost, 0 = free; null = unknown.';
comment on column credits.imported_balances.transaction_id is
'The grant that brought them; null = there was nothing to bring.';
comment on column credits.imported_balances.idempotency_key is
'Key of that grant: legacy:<table>:<id>, and :<bucket> where a row has more than one.';

create type credits_internal.imported_task as (
    user_id uuid,
    source_table text,
    source_id text,
    generation_id uuid,
    provider text,
    generation_type text,
    provider_task_id text,
    status credits.generation_status,
    credits_charged bigint,
    credits_refunded bigint,
    created_at timestamptz,
    finished_at timestamptz,
    cost_usd numeric,
    error_type text,
    error_message text,
    credits_to_charge bigint,
    credits_owed bigint,
    charge_transaction_id uuid
);
comment on type credits_internal.imported_task is
'A task of an older system, in our words. The last three are worked out by import_tasks.';

-- Work of an older system that was settled there has no charge in this ledger.
alter table credits.generations alter column charge_transaction_id drop not null;
comment on column credits.generations.charge_transaction_id is
'The deduction that paid for it; null = it was settled in an older system.';
