-- pgcredits 0.1.0: the whole installation, for an empty database.
-- PostgreSQL 15 or newer; written by `pgcredits sql`.

begin;

set local search_path to pg_catalog, pg_temp;
set local check_function_bodies to 'off';
set local client_min_messages to 'warning';
set local statement_timeout to '0';
set local idle_in_transaction_session_timeout to '0';
set local quote_all_identifiers to 'off';
set local datestyle to 'ISO, YMD';
set local intervalstyle to 'postgres';
set local timezone to 'UTC';
set local bytea_output to 'hex';
set local extra_float_digits to '1';
set local standard_conforming_strings to 'on';
set local default_tablespace to '';
set local default_table_access_method to 'heap';
set local jit to 'off';
set local pgcredits.create_roles to on;

do $pgcredits$
begin
    perform pg_advisory_xact_lock(1885823858, 1684369516);
    if current_setting('server_version_num')::integer < 150000 then
        raise exception 'pgcredits needs PostgreSQL 15 or newer';
    end if;
    if exists (select from pg_namespace where nspname in ('credits', 'credits_internal', 'credits_monitoring', 'credits_deploy')) then
        raise exception 'pgcredits is installed already: use pgcredits migrate';
    end if;
end
$pgcredits$;

-- The deployer's own records. yoyo's tables are exactly those that yoyo 9 would make (its schema
-- version 2), so that the plain yoyo command sees the same history with ?schema=credits_deploy.

create schema credits_deploy;
comment on schema credits_deploy is
'Records of what pgcredits installed here: yoyo''s tables of applied migrations and the manifest.';

create table credits_deploy._yoyo_log (
    id varchar(36) primary key,
    migration_hash varchar(64),
    migration_id varchar(255),
    operation varchar(10),
    username varchar(255),
    hostname varchar(255),
    comment varchar(255),
    created_at_utc timestamp
);

create table credits_deploy._yoyo_version (
    version integer not null primary key,
    installed_at_utc timestamp
);

create table credits_deploy._yoyo_migration (
    migration_hash varchar(64) primary key,
    migration_id varchar(255),
    applied_at_utc timestamp
);

create table credits_deploy.yoyo_lock (
    locked integer default 1 primary key,
    ctime timestamp,
    pid integer not null
);

insert into credits_deploy._yoyo_version (version, installed_at_utc)
values (2, now() at time zone 'utc');

create table credits_deploy.manifest (
    kind text not null,
    identity text not null,
    name text not null,
    file text,
    source_sha256 text,
    state jsonb,
    fingerprint text,
    server_major integer not null,
    package_version text not null,
    installed_at timestamptz not null default now(),
    constraint manifest_pkey primary key (kind, identity)
);
comment on table credits_deploy.manifest is
'One row per installed object and per applied migration, as the last deploy left it.';
comment on column credits_deploy.manifest.identity is
'The name by which PostgreSQL finds the object: a function''s has its argument types.';
comment on column credits_deploy.manifest.file is
'The file that defines it; null for what migrations made.';
comment on column credits_deploy.manifest.source_sha256 is
'The sha256 of the file''s bytes as installed.';
comment on column credits_deploy.manifest.state is
'What the fingerprint covers: hash of the definition, owner, grants, options, comments, triggers.';
comment on column credits_deploy.manifest.fingerprint is
'The sha256 of state; pgcredits check compares it with the live object''s.';
comment on column credits_deploy.manifest.server_major is
'The server that printed the definition; another one may print it differently.';

create table credits_deploy.deployments (
    deployment_id bigint generated always as identity,
    package_version text not null,
    server_version text not null default current_setting('server_version'),
    deployed_by text not null default session_user,
    deployed_at timestamptz not null default now(),
    constraint deployments_pkey primary key (deployment_id)
);
comment on table credits_deploy.deployments is
'One row per deploy that changed something.';

-- migrations/0001-roles-and-schemas.sql

-- The roles that applications, analysts and operators are granted, and the schemas.
--
-- Roles belong to the whole server: another database's installation may have made them already, or
-- make them at this very moment. `set pgcredits.create_roles = off` leaves all of them to the DBA.

do $create_roles$
declare
    v_role text;
begin
    if current_setting('pgcredits.create_roles', true) = 'off' then
        return;
    end if;

    foreach v_role in array array['credits_app', 'credits_analyst', 'credits_operator'] loop
        if not exists (select from pg_catalog.pg_roles as r where r.rolname = v_role) then
            begin
                execute format('create role %I nologin', v_role);
            exception
                when duplicate_object or unique_violation then
                    null;
            end;
        end if;
    end loop;

    foreach v_role in array array['credits_app', 'credits_analyst'] loop
        if not pg_catalog.pg_has_role('credits_operator', v_role, 'member') then
            execute format('grant %I to credits_operator', v_role);
        end if;
    end loop;

    -- Supabase: its server-side role may call us; its two public ones get nothing.
    if exists (select from pg_catalog.pg_roles as r where r.rolname = 'service_role') then
        if not pg_catalog.pg_has_role('service_role', 'credits_app', 'member') then
            grant credits_app to service_role;
        end if;
    end if;
end
$create_roles$;

create schema credits;
create schema credits_internal;
create schema credits_monitoring;

comment on schema credits is
'pgcredits: the ledger''s tables and its public functions. Write through the functions only.';
comment on schema credits_internal is
'pgcredits: helpers of the public functions. Not an interface.';
comment on schema credits_monitoring is
'pgcredits: the views that analysts read.';

revoke all on schema credits, credits_internal, credits_monitoring from public;
grant usage on schema credits to credits_app, credits_analyst, credits_operator;
grant usage on schema credits_monitoring to credits_analyst;


insert into credits_deploy._yoyo_migration (migration_hash, migration_id, applied_at_utc)
values ('582dba1493c27ec0c3b97e968ea05e6454bbabc94ad29d5b6b9bbc132d96c3f3', '0001-roles-and-schemas', clock_timestamp() at time zone 'utc');

insert into credits_deploy._yoyo_log (
    id, migration_hash, migration_id, operation, username, hostname, created_at_utc
)
values (
    gen_random_uuid()::text, '582dba1493c27ec0c3b97e968ea05e6454bbabc94ad29d5b6b9bbc132d96c3f3', '0001-roles-and-schemas', 'apply', session_user, '',
    clock_timestamp() at time zone 'utc'
);

insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, server_major, package_version
)
values (
    'migration',
    '0001-roles-and-schemas',
    '0001-roles-and-schemas',
    'migrations/0001-roles-and-schemas.sql',
    'd773937ef8ca7b76be223e485c4c9fe3cc9209c94362d082aa3b529dee6c5a28',
    current_setting('server_version_num')::integer / 10000,
    '0.1.0'
);

-- migrations/0002-types.sql

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


insert into credits_deploy._yoyo_migration (migration_hash, migration_id, applied_at_utc)
values ('7b2d59779dc8482bf24ed93e7ffccb9440228fb5e61483de57e72df58d4eada6', '0002-types', clock_timestamp() at time zone 'utc');

insert into credits_deploy._yoyo_log (
    id, migration_hash, migration_id, operation, username, hostname, created_at_utc
)
values (
    gen_random_uuid()::text, '7b2d59779dc8482bf24ed93e7ffccb9440228fb5e61483de57e72df58d4eada6', '0002-types', 'apply', session_user, '',
    clock_timestamp() at time zone 'utc'
);

insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, server_major, package_version
)
values (
    'migration',
    '0002-types',
    '0002-types',
    'migrations/0002-types.sql',
    'ba93f0b7e4b76d48ceb01ff40ae6994141e616e4e6b9d9c0fa7393a6d117e2a2',
    current_setting('server_version_num')::integer / 10000,
    '0.1.0'
);

-- migrations/0003-configuration.sql

-- What operators configure: plans and settings.

create table credits.plans (
    plan text not null,
    monthly_credits bigint not null,
    rollover_max_credits bigint not null default 0,
    constraint plans_pkey primary key (plan),
    constraint plans_plan_not_blank check (btrim(plan) <> ''),
    constraint plans_monthly_credits_in_range check (
        monthly_credits between 0 and 1000000000000
    ),
    constraint plans_rollover_max_credits_in_range check (
        rollover_max_credits between 0 and 1000000000000
    )
);

comment on table credits.plans is
'Subscriptions. The seeds are only examples: edit them.';
comment on column credits.plans.plan is
'Name of the plan, as set_user_plan takes it.';
comment on column credits.plans.monthly_credits is
'Credits granted for each calendar month in the business time zone; they expire at its end.';
comment on column credits.plans.rollover_max_credits is
'How many unused credits of a month live on for one more month; 0 = none.';

insert into credits.plans (plan, monthly_credits)
values
('free', 5),
('plus', 50),
('pro', 200);

create table credits.settings (
    one_row boolean not null default true,
    business_time_zone text not null default 'UTC',
    refund_rate_target_pct numeric not null default 5,
    default_generation_timeout interval not null default interval '1 hour',
    default_low_balance_threshold bigint,
    refund_grace interval not null default interval '7 days',
    notify_alerts boolean not null default true,
    constraint settings_pkey primary key (one_row),
    constraint settings_one_row_only check (one_row),
    -- Converting with an unknown zone raises, so that a typing error is refused here and not at
    -- the next month's end.
    constraint settings_business_time_zone_known check (
        (timestamptz '2000-01-01 00:00+00' at time zone business_time_zone) is not null
    ),
    constraint settings_refund_rate_target_pct_in_range check (
        refund_rate_target_pct between 0 and 100
    ),
    constraint settings_default_generation_timeout_in_range check (
        default_generation_timeout > interval '0'
        and default_generation_timeout <= interval '366 days'
    ),
    constraint settings_default_low_balance_threshold_not_negative check (
        default_low_balance_threshold >= 0
    ),
    constraint settings_refund_grace_an_hour_or_more check (refund_grace >= interval '1 hour')
);

comment on table credits.settings is
'Settings of this installation: exactly one row. Update it; it cannot be deleted.';
comment on column credits.settings.one_row is
'Always true: holds the table to one row.';
comment on column credits.settings.business_time_zone is
'Time zone of days and months in allowances and reports, e.g. Europe/Berlin.';
comment on column credits.settings.refund_rate_target_pct is
'Refunds per hundred finished generations that are still acceptable.';
comment on column credits.settings.default_generation_timeout is
'How long a generation may take where the caller gives no timeout.';
comment on column credits.settings.default_low_balance_threshold is
'Copied to each new user: warn when the balance falls below it; null = never warn.';
comment on column credits.settings.refund_grace is
'The longest that refunded credits live whose own lot expired meanwhile.';
comment on column credits.settings.notify_alerts is
'Whether alerts are also sent with NOTIFY.';

insert into credits.settings default values;

grant select, insert, update, delete on credits.plans, credits.settings to credits_operator;


insert into credits_deploy._yoyo_migration (migration_hash, migration_id, applied_at_utc)
values ('efcf1fba9ad6da593d39feea260443c7f7e8813b886485c8bd99f00507c5fde7', '0003-configuration', clock_timestamp() at time zone 'utc');

insert into credits_deploy._yoyo_log (
    id, migration_hash, migration_id, operation, username, hostname, created_at_utc
)
values (
    gen_random_uuid()::text, 'efcf1fba9ad6da593d39feea260443c7f7e8813b886485c8bd99f00507c5fde7', '0003-configuration', 'apply', session_user, '',
    clock_timestamp() at time zone 'utc'
);

insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, server_major, package_version
)
values (
    'migration',
    '0003-configuration',
    '0003-configuration',
    'migrations/0003-configuration.sql',
    '79166542b1d1f9adee11b7ffb5c4b117cba3326c0e3dbd454318d51e4947d9e8',
    current_setting('server_version_num')::integer / 10000,
    '0.1.0'
);

-- migrations/0004-ledger.sql

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


insert into credits_deploy._yoyo_migration (migration_hash, migration_id, applied_at_utc)
values ('dfbb07297b1267a4b2af86a24513f00d6a10606d9682013c4178b718c1847fe3', '0004-ledger', clock_timestamp() at time zone 'utc');

insert into credits_deploy._yoyo_log (
    id, migration_hash, migration_id, operation, username, hostname, created_at_utc
)
values (
    gen_random_uuid()::text, 'dfbb07297b1267a4b2af86a24513f00d6a10606d9682013c4178b718c1847fe3', '0004-ledger', 'apply', session_user, '',
    clock_timestamp() at time zone 'utc'
);

insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, server_major, package_version
)
values (
    'migration',
    '0004-ledger',
    '0004-ledger',
    'migrations/0004-ledger.sql',
    '00321a1722eabf634dc32ee8a5ef68178f87cf7db73a3436858feb743ce9b9fc',
    current_setting('server_version_num')::integer / 10000,
    '0.1.0'
);

-- migrations/0005-generations.sql

-- Paid generations: what was asked of a provider, what came of it, and what is given back when.

create type credits.generation_status as enum (
    'pending', 'processing', 'succeeded', 'failed', 'cancelled', 'timed_out'
);
comment on type credits.generation_status is
'Where a generation stands. pending: charged; processing: the provider has it; the rest are '
'final.';

create type credits.generation_event as enum (
    'started', 'submitted', 'progress', 'success', 'failure', 'cancel', 'deadline',
    'unclassified', 'refund_failed', 'refund_paid'
);
comment on type credits.generation_event is
'What happened to a generation. unclassified: a callback with an unknown code; refund_failed and '
'refund_paid: a refund that was owed.';

create type credits.callback_outcome as enum ('succeeded', 'failed', 'progress');
comment on type credits.callback_outcome is
'What a provider''s code says of its task.';

create type credits.fault as enum ('user', 'provider', 'platform');
comment on type credits.fault is
'Whose fault a failure is; the alerts and reports on providers count only their own.';

create type credits.generation_result as (
    generation_id uuid,
    user_id uuid,
    status text,
    credits_charged bigint,
    credits_refunded bigint,
    refunded boolean,
    balance bigint,
    applied boolean,
    replayed boolean
);
comment on type credits.generation_result is
'A generation as it stands now: its price and what came back of it (refunded = it did not succeed '
'and credits came back), the spendable balance, whether this call changed it, and whether the '
'call only repeats an earlier one.';

create type credits.owed_refund as (
    user_id uuid,
    generation_id uuid,
    credits_owed bigint,
    credits_refunded bigint,
    error text
);
comment on type credits.owed_refund is
'What settle_owed_refunds found owed for one generation, what it paid, or the error that kept it '
'from paying.';

create table credits.refund_policies (
    error_type text not null,
    refund_percent numeric(5, 2) not null,
    fault credits.fault not null,
    description text not null,
    constraint refund_policies_pkey primary key (error_type),
    constraint refund_policies_error_type_normal check (error_type = lower(btrim(error_type))),
    constraint refund_policies_error_type_not_blank check (error_type <> ''),
    constraint refund_policies_refund_percent_in_range check (refund_percent between 0 and 100)
);

comment on table credits.refund_policies is
'How much of the price comes back by the kind of failure. The one in force when a generation '
'fails counts. Edit it.';
comment on column credits.refund_policies.error_type is
'Kind of failure, lower case; * = all that have no row.';
comment on column credits.refund_policies.refund_percent is
'Percent of the price that comes back, 0 to 100; part credits are rounded up.';
comment on column credits.refund_policies.fault is
'Whose fault such a failure is.';
comment on column credits.refund_policies.description is
'What happened, in a sentence for people.';

insert into credits.refund_policies (error_type, refund_percent, fault, description)
values
('*', 100, 'platform', 'Any kind of failure without a row of its own.'),
('unknown', 100, 'platform', 'Nobody said what went wrong.'),
('network_error', 100, 'provider', 'The provider could not be reached.'),
('timeout', 100, 'provider', 'No answer came before the deadline.'),
('invalid_response', 100, 'provider', 'The provider''s answer made no sense.'),
('task_creation_failed', 100, 'provider', 'The provider did not take the task.'),
('internal_error', 100, 'provider', 'The provider failed.'),
('generation_failed', 100, 'provider', 'The provider tried and could not make it.'),
('service_unavailable', 100, 'provider', 'The provider is down.'),
('rate_limited', 100, 'platform', 'We asked the provider too often.'),
('provider_out_of_credits', 100, 'platform', 'Our account with the provider is empty.'),
('storage_error', 100, 'platform', 'The result could not be stored.'),
('invalid_request', 100, 'user', 'The provider refused the request.'),
('invalid_image', 100, 'user', 'The image, or its address, could not be used.'),
('content_policy_violation', 100, 'user', 'The provider refused the content.'),
(
    'user_cancelled', 0, 'user',
    'The user cancelled once the provider had the task; before that, everything comes back.'
);

create table credits.provider_error_codes (
    provider text not null,
    code text not null,
    outcome credits.callback_outcome not null,
    error_type text,
    constraint provider_error_codes_pkey primary key (provider, code),
    constraint provider_error_codes_provider_normal check (provider = lower(btrim(provider))),
    constraint provider_error_codes_provider_not_blank check (provider <> ''),
    constraint provider_error_codes_code_normal check (code = btrim(code)),
    constraint provider_error_codes_code_not_blank check (code <> ''),
    constraint provider_error_codes_failures_have_a_type check (
        (outcome = 'failed') = (error_type is not null)
    ),
    constraint provider_error_codes_error_type_normal check (error_type = lower(btrim(error_type))),
    constraint provider_error_codes_error_type_not_blank check (error_type <> '')
);

comment on table credits.provider_error_codes is
'What the codes in providers'' callbacks mean. Edit it.';
comment on column credits.provider_error_codes.provider is
'The provider, lower case; * = every provider without a row of its own for the code.';
comment on column credits.provider_error_codes.code is
'The code, as handle_provider_callback is given it.';
comment on column credits.provider_error_codes.outcome is
'What it says of the task.';
comment on column credits.provider_error_codes.error_type is
'Of a failure: its kind, which refund_policies knows or not.';

insert into credits.provider_error_codes (provider, code, outcome, error_type)
values
('*', '200', 'succeeded', null),
('*', '202', 'progress', null),
('*', '400', 'failed', 'invalid_request'),
('*', '402', 'failed', 'provider_out_of_credits'),
('*', '408', 'failed', 'timeout'),
('*', '429', 'failed', 'rate_limited'),
('*', '500', 'failed', 'internal_error'),
('*', '501', 'failed', 'generation_failed'),
('*', '503', 'failed', 'service_unavailable'),
('nanobanana', '400', 'failed', 'content_policy_violation');

create table credits.provider_prices (
    provider text not null,
    generation_type text not null,
    effective_from timestamptz not null default now(),
    cost_usd numeric(18, 6) not null,
    constraint provider_prices_pkey primary key (provider, generation_type, effective_from),
    constraint provider_prices_provider_normal check (provider = lower(btrim(provider))),
    constraint provider_prices_provider_not_blank check (provider <> ''),
    constraint provider_prices_generation_type_normal check (
        generation_type = btrim(generation_type)
    ),
    constraint provider_prices_generation_type_not_blank check (generation_type <> ''),
    constraint provider_prices_cost_usd_in_range check (
        cost_usd >= 0
        and cost_usd < 1000000000
    )
);

comment on table credits.provider_prices is
'What providers charge for a generation: the quote of start_generation where its caller gives '
'none.';
comment on column credits.provider_prices.provider is
'The provider, lower case.';
comment on column credits.provider_prices.generation_type is
'The kind of generation, as start_generation is given it.';
comment on column credits.provider_prices.effective_from is
'Since when the price holds, until the next one.';
comment on column credits.provider_prices.cost_usd is
'US dollars for one generation.';

create table credits.generations (
    user_id uuid not null,
    generation_id uuid not null,
    charge_transaction_id uuid not null,
    credits_charged bigint not null,
    refund_due_credits bigint not null default 0,
    created_at timestamptz not null,
    deadline_at timestamptz not null,
    submitted_at timestamptz,
    finished_at timestamptz,
    refund_owed_since timestamptz,
    refund_tried_at timestamptz,
    last_event_no integer not null,
    status credits.generation_status not null default 'pending',
    provider_billed boolean,
    owed_review boolean not null default false,
    retry_of uuid,
    quoted_cost_usd numeric(18, 6),
    cost_usd numeric(18, 6),
    provider text not null,
    generation_type text not null,
    provider_task_id text,
    error_type text,
    error_code text,
    error_message text,
    metadata jsonb not null,
    constraint generations_pkey primary key (user_id, generation_id),
    constraint generations_refund_due_within_charged check (
        refund_due_credits between 0 and credits_charged
    ),
    constraint generations_finished_when_final check (
        (status in ('pending', 'processing')) = (finished_at is null)
    ),
    constraint generations_retry_of_exists foreign key (user_id, retry_of)
    references credits.generations (user_id, generation_id)
) with (fillfactor = 70);

-- None holds a column that changes before the generation finishes.
create index generations_deadline on credits.generations (deadline_at)
where finished_at is null;
create index generations_finished_at on credits.generations (finished_at)
where finished_at is not null;
create index generations_refund_owed on credits.generations (refund_tried_at)
where refund_owed_since is not null;

comment on table credits.generations is
'One row per paid attempt at a provider. What was refunded is in refund_totals, by '
'charge_transaction_id.';
comment on column credits.generations.user_id is
'Who pays.';
comment on column credits.generations.generation_id is
'Id of the attempt: the caller''s own, which makes start_generation safe to repeat, or a uuid v7.';
comment on column credits.generations.charge_transaction_id is
'The deduction that paid for it.';
comment on column credits.generations.credits_charged is
'Credits taken at the start.';
comment on column credits.generations.refund_due_credits is
'Credits of these that the user is to have back, fixed when it finished; 0 while in flight. Only '
'a failure after a cancellation and a lower final price raise it, nothing lowers it.';
comment on column credits.generations.created_at is
'When it was started and charged.';
comment on column credits.generations.deadline_at is
'When sweep_stuck_generations gives up on it.';
comment on column credits.generations.submitted_at is
'When the provider had it; null = not yet, as far as is known.';
comment on column credits.generations.finished_at is
'When it succeeded, failed, was cancelled or timed out; null = in flight.';
comment on column credits.generations.refund_owed_since is
'Since when a refund is owed because paying it raised an error; null = none is.';
comment on column credits.generations.refund_tried_at is
'When paying it was last tried: the sweeps begin with what was not tried for the longest time.';
comment on column credits.generations.last_event_no is
'Number of its latest row in generation_events.';
comment on column credits.generations.status is
'Where it stands.';
comment on column credits.generations.provider_billed is
'Whether the provider bills us for it; null = unknown.';
comment on column credits.generations.owed_review is
'Whether a person has to look before what is owed (refund_owed_since) is paid: only '
'settle_owed_refunds pays it.';
comment on column credits.generations.retry_of is
'The earlier generation that this one tries again.';
comment on column credits.generations.quoted_cost_usd is
'US dollars that the provider''s work was expected to cost; null = unknown.';
comment on column credits.generations.cost_usd is
'US dollars that the provider says it cost; null = unknown.';
comment on column credits.generations.provider is
'Who does the work, trimmed and lower case.';
comment on column credits.generations.generation_type is
'What is made: the application''s own word.';
comment on column credits.generations.provider_task_id is
'The provider''s id of the task; null = none, or not known yet.';
comment on column credits.generations.error_type is
'Of one that did not succeed: the kind of failure, by which refund_policies decided.';
comment on column credits.generations.error_code is
'The provider''s code for the failure.';
comment on column credits.generations.error_message is
'What the provider or the application said of the failure. Hostile input: show it as text.';
comment on column credits.generations.metadata is
'The caller''s own JSON object.';

create table credits.generation_events (
    user_id uuid not null,
    generation_id uuid not null,
    event_no integer not null,
    event credits.generation_event not null,
    status_before credits.generation_status,
    applied boolean not null,
    is_callback boolean not null,
    created_at timestamptz not null,
    redacted_at timestamptz,
    credits bigint,
    cost_usd numeric(18, 6),
    provider_billed boolean,
    error_type text,
    code text,
    message text,
    payload jsonb not null,
    dropped text[],
    constraint generation_events_pkey primary key (user_id, generation_id, event_no)
);

comment on table credits.generation_events is
'Everything that was reported of a generation, applied or not: append-only.';
comment on column credits.generation_events.user_id is
'Whose generation.';
comment on column credits.generation_events.generation_id is
'Which generation.';
comment on column credits.generation_events.event_no is
'1, 2, 3 without gaps.';
comment on column credits.generation_events.event is
'What was reported.';
comment on column credits.generation_events.status_before is
'The status in which it met the generation; null = it started it.';
comment on column credits.generation_events.applied is
'Whether it changed where the generation stands or what is due.';
comment on column credits.generation_events.is_callback is
'Whether it came as a provider''s callback.';
comment on column credits.generation_events.created_at is
'When it was recorded.';
comment on column credits.generation_events.redacted_at is
'When message and payload were blanked; null = they are as received.';
comment on column credits.generation_events.credits is
'Of a success: the final price as given; of a started one: the price; of a refund: its credits.';
comment on column credits.generation_events.cost_usd is
'US dollars that it cost, as reported.';
comment on column credits.generation_events.provider_billed is
'Whether the provider bills us, as reported.';
comment on column credits.generation_events.error_type is
'Of a failure: its kind.';
comment on column credits.generation_events.code is
'The provider''s code; of a submission its task id; of a failed refund the SQLSTATE.';
comment on column credits.generation_events.message is
'What was said. Hostile input: show it as text.';
comment on column credits.generation_events.payload is
'What was delivered with it.';
comment on column credits.generation_events.dropped is
'Arguments that made no sense and were left out; null = none.';

create table credits.provider_tasks (
    provider text not null,
    provider_task_id text not null,
    user_id uuid not null,
    generation_id uuid not null,
    created_at timestamptz not null,
    constraint provider_tasks_pkey primary key (provider, provider_task_id)
);

comment on table credits.provider_tasks is
'How a provider''s callback finds its generation.';
comment on column credits.provider_tasks.provider is
'The provider, lower case.';
comment on column credits.provider_tasks.provider_task_id is
'Its id of the task.';
comment on column credits.provider_tasks.user_id is
'Whose generation.';
comment on column credits.provider_tasks.generation_id is
'Which generation.';
comment on column credits.provider_tasks.created_at is
'When the task was attached.';

create table credits.provider_callbacks (
    provider text not null,
    provider_task_id text not null,
    callback_id uuid not null,
    received_at timestamptz not null,
    cost_usd numeric(18, 6),
    code text,
    message text,
    payload jsonb,
    dropped text[],
    constraint provider_callbacks_pkey primary key (provider, provider_task_id, callback_id)
);

create index provider_callbacks_received_at on credits.provider_callbacks (received_at);

comment on table credits.provider_callbacks is
'Callbacks for tasks that nobody has attached yet. They are applied, and leave, when somebody '
'does.';
comment on column credits.provider_callbacks.provider is
'The provider, lower case.';
comment on column credits.provider_callbacks.provider_task_id is
'Its id of the task.';
comment on column credits.provider_callbacks.callback_id is
'Id of the delivery: a uuid v7.';
comment on column credits.provider_callbacks.received_at is
'When it came.';
comment on column credits.provider_callbacks.cost_usd is
'US dollars that it cost, as delivered.';
comment on column credits.provider_callbacks.code is
'The provider''s code.';
comment on column credits.provider_callbacks.message is
'The provider''s message.';
comment on column credits.provider_callbacks.payload is
'What was delivered.';
comment on column credits.provider_callbacks.dropped is
'Arguments that made no sense and were left out; null = none.';

grant select, insert, update, delete
on credits.refund_policies, credits.provider_error_codes, credits.provider_prices
to credits_operator;


insert into credits_deploy._yoyo_migration (migration_hash, migration_id, applied_at_utc)
values ('0fba8a6e1539144ef4043d478f166bbca798e4e535405c94e19d36e3ad3d3e35', '0005-generations', clock_timestamp() at time zone 'utc');

insert into credits_deploy._yoyo_log (
    id, migration_hash, migration_id, operation, username, hostname, created_at_utc
)
values (
    gen_random_uuid()::text, '0fba8a6e1539144ef4043d478f166bbca798e4e535405c94e19d36e3ad3d3e35', '0005-generations', 'apply', session_user, '',
    clock_timestamp() at time zone 'utc'
);

insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, server_major, package_version
)
values (
    'migration',
    '0005-generations',
    '0005-generations',
    'migrations/0005-generations.sql',
    'f03bc09fe2c3c7190928c6d15273966d86be07564d52464651909d2701699cea',
    current_setting('server_version_num')::integer / 10000,
    '0.1.0'
);

-- migrations/0006-alerts.sql

-- What operators have to know.

create type credits.alert_level as enum ('info', 'warning', 'error', 'critical');
comment on type credits.alert_level is
'How urgent an alert is; the order is that of the words.';

create table credits.system_alerts (
    user_id uuid not null,
    alert_id uuid not null,
    level credits.alert_level not null,
    occurrences bigint not null default 1,
    generation_id uuid,
    created_at timestamptz not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    notified_at timestamptz,
    acknowledged_at timestamptz,
    resolved_at timestamptz,
    type text not null,
    dedup_key text not null,
    message text not null,
    provider text,
    acknowledged_by text,
    resolved_by text,
    metadata jsonb not null,
    constraint system_alerts_pkey primary key (user_id, alert_id),
    constraint system_alerts_occurrences_positive check (occurrences > 0),
    constraint system_alerts_type_not_blank check (btrim(type) <> '')
);

create unique index system_alerts_one_open on credits.system_alerts (user_id, type, dedup_key)
where resolved_at is null;

comment on table credits.system_alerts is
'What operators have to know, open and resolved. At most one is open for a user, type and key.';
comment on column credits.system_alerts.user_id is
'Whom it is about; the nil uuid = the platform.';
comment on column credits.system_alerts.alert_id is
'Id of the alert: a uuid v7.';
comment on column credits.system_alerts.level is
'How urgent it is; the highest level that was raised.';
comment on column credits.system_alerts.occurrences is
'How often it was raised while open.';
comment on column credits.system_alerts.generation_id is
'The generation that it is about; null = none.';
comment on column credits.system_alerts.created_at is
'When the row was made.';
comment on column credits.system_alerts.first_seen_at is
'When it was first raised.';
comment on column credits.system_alerts.last_seen_at is
'When it was last raised.';
comment on column credits.system_alerts.notified_at is
'When listeners were last told; null = never.';
comment on column credits.system_alerts.acknowledged_at is
'When somebody took it on; null = nobody has.';
comment on column credits.system_alerts.resolved_at is
'When it was resolved; null = open.';
comment on column credits.system_alerts.type is
'What it is about, e.g. refund_failed.';
comment on column credits.system_alerts.dedup_key is
'What is the same alert again: a generation''s id, a provider, or empty.';
comment on column credits.system_alerts.message is
'A sentence for people. May quote hostile input: show it as text.';
comment on column credits.system_alerts.provider is
'The provider that it is about; null = none.';
comment on column credits.system_alerts.acknowledged_by is
'Who took it on.';
comment on column credits.system_alerts.resolved_by is
'Who or what resolved it.';
comment on column credits.system_alerts.metadata is
'Figures and circumstances.';


insert into credits_deploy._yoyo_migration (migration_hash, migration_id, applied_at_utc)
values ('2c497c8f8a8f8ed7bd8a145dae6dda477275d6ad87618a8c3fa64d052ce800e0', '0006-alerts', clock_timestamp() at time zone 'utc');

insert into credits_deploy._yoyo_log (
    id, migration_hash, migration_id, operation, username, hostname, created_at_utc
)
values (
    gen_random_uuid()::text, '2c497c8f8a8f8ed7bd8a145dae6dda477275d6ad87618a8c3fa64d052ce800e0', '0006-alerts', 'apply', session_user, '',
    clock_timestamp() at time zone 'utc'
);

insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, server_major, package_version
)
values (
    'migration',
    '0006-alerts',
    '0006-alerts',
    'migrations/0006-alerts.sql',
    '99789df6d01f62391b66e4765e6325b8406f79e602dfbbd2699acefc430f617d',
    current_setting('server_version_num')::integer / 10000,
    '0.1.0'
);

-- migrations/0007-alert-rules.sql

-- When the operators are told.

create table credits.alert_rules (
    type text not null,
    enabled boolean not null default true,
    level credits.alert_level not null,
    threshold numeric,
    critical_factor numeric,
    floor_usd numeric(18, 6),
    time_window interval,
    min_samples bigint,
    quiet_after interval,
    renotify_after interval,
    description text not null,
    constraint alert_rules_pkey primary key (type),
    constraint alert_rules_type_not_blank check (btrim(type) <> ''),
    constraint alert_rules_threshold_not_negative check (threshold >= 0),
    constraint alert_rules_critical_factor_one_or_more check (critical_factor >= 1),
    constraint alert_rules_floor_usd_not_negative check (floor_usd >= 0),
    constraint alert_rules_time_window_in_range check (
        time_window between interval '0' and interval '366 days'
    ),
    constraint alert_rules_min_samples_not_negative check (min_samples >= 0),
    constraint alert_rules_quiet_after_positive check (quiet_after > interval '0'),
    constraint alert_rules_renotify_after_positive check (renotify_after > interval '0')
);

comment on table credits.alert_rules is
'When an alert of a type opens, how urgent it is, and how often listeners are told again. Edit it. '
'A type without a row may be raised, too; it is a warning then.';
comment on column credits.alert_rules.type is
'The type of the alert.';
comment on column credits.alert_rules.enabled is
'Whether it opens at all.';
comment on column credits.alert_rules.level is
'How urgent it is at first.';
comment on column credits.alert_rules.threshold is
'It opens above so many (percent, times, refunds; of a row of failures: from so many on).';
comment on column credits.alert_rules.critical_factor is
'It is critical above so many times the threshold; null = it stays at its level.';
comment on column credits.alert_rules.floor_usd is
'Costs up to so many US dollars are never alarming.';
comment on column credits.alert_rules.time_window is
'How far back it looks, or after how long it is judged: see description.';
comment on column credits.alert_rules.min_samples is
'Fewer finished generations than these prove nothing.';
comment on column credits.alert_rules.quiet_after is
'It is resolved when it has not come again for so long; null = by the end of what it tells of, or '
'by hand.';
comment on column credits.alert_rules.renotify_after is
'Listeners are told again of an open alert that nobody has acknowledged; null = once only.';
comment on column credits.alert_rules.description is
'When it opens and when it is resolved, in a sentence for people.';

insert into credits.alert_rules (
    type, level, threshold, critical_factor, floor_usd, time_window, min_samples, quiet_after,
    renotify_after, description
)
values
(
    'refund_failed', 'error', null, null, null, '15 minutes', null, null, '1 hour',
    'A refund could not be paid; critical once it is owed for longer than time_window. Resolved '
    'when it has been paid.'
),
(
    'refund_overdue', 'critical', null, null, null, '5 minutes', null, null, '15 minutes',
    'Refunds, not under review, are owed for longer than time_window.'
),
(
    'refund_rate_high', 'warning', null, 2, null, '24 hours', 20, null, '6 hours',
    'More than threshold percent (null = settings.refund_rate_target_pct) of what finished within '
    'time_window came back.'
),
(
    'provider_failure_rate', 'warning', 20, 2.5, null, '1 hour', 10, null, '1 hour',
    'More than threshold percent of what one provider finished within time_window failed by its '
    'own fault.'
),
(
    'provider_down', 'critical', 10, null, null, '24 hours', null, null, '15 minutes',
    'The last generations of one provider within time_window, threshold of them at least, failed '
    'by its own fault.'
),
(
    'provider_out_of_credits', 'critical', null, null, null, '10 minutes', null, null, '15 minutes',
    'A provider refused a generation within time_window, since our account with it is empty.'
),
(
    'generation_stuck', 'warning', null, null, null, null, null, null, '1 hour',
    'Generations are in flight past their deadline: is sweep_stuck_generations running?'
),
(
    'absorbed_cost_high', 'warning', 3, null, 10, '14 days', null, null, '6 hours',
    'What providers billed today for what was given back is above floor_usd, and above threshold '
    'times the median of the days of time_window before.'
),
(
    'repeated_refunds', 'warning', 3, null, null, '24 hours', null, null, '24 hours',
    'One user had more than threshold refunds within time_window.'
),
(
    'ledger_violation', 'critical', null, null, null, null, null, null, '1 hour',
    'check_ledger found violations; verify_ledger says which.'
),
(
    'maintenance_failed', 'error', null, null, null, null, null, '1 hour', '6 hours',
    'A sweep could not serve a user.'
),
(
    'late_success_after_refund', 'warning', null, null, null, null, null, '7 days', null,
    'A provider reported a success after the user had been refunded.'
),
(
    'conflicting_failure', 'warning', null, null, null, null, null, '7 days', null,
    'A failure was reported of a generation that had succeeded.'
),
(
    'callback_unmatched', 'warning', null, null, null, '10 minutes', null, null, '6 hours',
    'Callbacks of a provider have been waiting for longer than time_window for somebody to attach '
    'their task.'
),
(
    'callback_unclassified', 'warning', null, null, null, null, null, '7 days', null,
    'A callback came with a code that provider_error_codes does not know.'
),
(
    'price_above_charge', 'warning', null, null, null, null, null, '7 days', null,
    'A final price was above the charge.'
),
(
    'low_balance', 'info', null, null, null, null, null, null, null,
    'A user''s balance fell below low_balance_threshold. Resolved when it is no longer below.'
);

grant select, insert, update, delete on credits.alert_rules to credits_operator;

-- check_alerts judges the open alerts of a type, listeners who poll ask what is new.
create index system_alerts_open on credits.system_alerts (type)
where resolved_at is null;
create index system_alerts_notified_at on credits.system_alerts (notified_at)
where resolved_at is null;
create index system_alerts_resolved_at on credits.system_alerts (resolved_at)
where resolved_at is not null;

update credits.system_alerts as a
set notified_at = a.created_at
where a.notified_at is null;
alter table credits.system_alerts alter column notified_at set not null;
comment on column credits.system_alerts.notified_at is
'When listeners were last told that it is open, or would have been with settings.notify_alerts: '
'it was opened, escalated or due again then.';

create type credits.maintenance_result as (
    task text,
    affected bigint
);
comment on type credits.maintenance_result is
'What one task of run_maintenance did: how many rows its function returned.';

create type credits.alert_check as (
    type text,
    opened bigint,
    resolved bigint
);
comment on type credits.alert_check is
'What check_alerts did about one type of alert.';

create index ledger_checks_violations on credits.ledger_checks (user_id)
where violations > 0;

create type credits_internal.alert_condition as (
    type text,
    user_id uuid,
    dedup_key text,
    level credits.alert_level,
    provider text,
    message text,
    metadata jsonb
);
comment on type credits_internal.alert_condition is
'Something that holds now and calls for an alert; level null = the rule''s.';

-- The views by day read the days they are asked for, and need to know where history begins.
create index generations_created_at on credits.generations (created_at);

alter table credits.settings add column history_starts_at timestamptz not null default now();
comment on column credits.settings.history_starts_at is
'Where the days and months of the views begin, unless a generation is older.';

update credits.settings as s
set history_starts_at = least(
    s.history_starts_at,
    (select min(u.created_at) from credits.user_credits as u)
);


insert into credits_deploy._yoyo_migration (migration_hash, migration_id, applied_at_utc)
values ('3fea7857475abc263b9ac01117ac9cc5b55b3151964a6a0c5f4fad8e7b03b501', '0007-alert-rules', clock_timestamp() at time zone 'utc');

insert into credits_deploy._yoyo_log (
    id, migration_hash, migration_id, operation, username, hostname, created_at_utc
)
values (
    gen_random_uuid()::text, '3fea7857475abc263b9ac01117ac9cc5b55b3151964a6a0c5f4fad8e7b03b501', '0007-alert-rules', 'apply', session_user, '',
    clock_timestamp() at time zone 'utc'
);

insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, server_major, package_version
)
values (
    'migration',
    '0007-alert-rules',
    '0007-alert-rules',
    'migrations/0007-alert-rules.sql',
    '2c1088547456ed87804d03cfd75358988dea6466b89b7381dd56bd678172ed1d',
    current_setting('server_version_num')::integer / 10000,
    '0.1.0'
);

-- migrations/0008-adoption.sql

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


insert into credits_deploy._yoyo_migration (migration_hash, migration_id, applied_at_utc)
values ('18111f9048c48a69514c18bb98a0ec89a060fe654dfb164c180af71ba2ad669c', '0008-adoption', clock_timestamp() at time zone 'utc');

insert into credits_deploy._yoyo_log (
    id, migration_hash, migration_id, operation, username, hostname, created_at_utc
)
values (
    gen_random_uuid()::text, '18111f9048c48a69514c18bb98a0ec89a060fe654dfb164c180af71ba2ad669c', '0008-adoption', 'apply', session_user, '',
    clock_timestamp() at time zone 'utc'
);

insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, server_major, package_version
)
values (
    'migration',
    '0008-adoption',
    '0008-adoption',
    'migrations/0008-adoption.sql',
    '17ebfb110339e7fcba600f993894286b5fc0d2cb3da426d58fbcd699a4341115',
    current_setting('server_version_num')::integer / 10000,
    '0.1.0'
);

-- procedures/alerts/acknowledge_alert.sql

-- Take an alert on.
--
-- Errors: PT422 invalid_argument, PT404 alert_not_found.

create or replace function credits.acknowledge_alert(
    p_user_id uuid,
    p_alert_id uuid,
    p_by text
)
returns credits.system_alerts
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $acknowledge_alert$
declare
    v_alert credits.system_alerts;
    v_now timestamptz;
begin
    perform credits_internal.require_word('p_by', p_by, 100, 'Say who takes it on.');

    v_alert := credits_internal.lock_alert(p_user_id, p_alert_id);

    -- The first stands, and there is nothing to be done about what is resolved.
    if v_alert.acknowledged_at is not null or v_alert.resolved_at is not null then
        return v_alert;
    end if;

    v_now := credits_internal.clock();

    update credits.system_alerts as a
    set
        acknowledged_at = v_now,
        acknowledged_by = p_by
    where
        a.user_id = p_user_id
        and a.alert_id = p_alert_id
    returning a.* into strict v_alert;

    return v_alert;
end
$acknowledge_alert$;

comment on function credits.acknowledge_alert is
'Say who takes an alert on: listeners are not told of it again unless it escalates. The first '
'stands, and a resolved one stays as it is. Returns the alert as it is then. '
'Errors: PT422 invalid_argument, PT404 alert_not_found. Call it in FROM.';

revoke all on function credits.acknowledge_alert from public;
grant execute on function credits.acknowledge_alert to credits_operator;

-- procedures/alerts/check_alerts.sql

-- Judge the rules: open what calls for an alert now, resolve what no longer does.

create or replace function credits.check_alerts()
returns setof credits.alert_check
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $check_alerts$
declare
    -- Those that are judged here. All others are opened and resolved by what happens.
    v_judged constant text[] := array[
        'refund_overdue', 'refund_rate_high', 'repeated_refunds', 'provider_failure_rate',
        'provider_down', 'provider_out_of_credits', 'callback_unmatched', 'generation_stuck',
        'ledger_violation', 'absorbed_cost_high'
    ];
    v_now timestamptz;
    v_types text[];
    v_conditions credits_internal.alert_condition[];
    v_opened text[];
    v_resolved text[];
begin
    -- Somebody else is at it: once is enough, and two could contradict each other.
    if not pg_try_advisory_xact_lock(hashtextextended('pgcredits:check_alerts', 0)) then
        return;
    end if;

    v_now := credits_internal.clock();

    select coalesce(array_agg(c), '{}')
    into v_conditions
    from (
        select * from credits_internal.refund_conditions(v_now)
        union all
        select * from credits_internal.provider_conditions(v_now)
        union all
        select * from credits_internal.upkeep_conditions(v_now)
    ) as c;

    v_opened := credits_internal.open_conditions(v_conditions);

    select v_judged || array_agg(r.type)
    into v_types
    from credits.alert_rules as r
    where r.quiet_after is not null;

    -- Whoever holds an alert may hold it for long, and must not keep the others from being judged:
    -- it is taken next time.
    with gone as (
        select
            a.user_id,
            a.alert_id
        from credits.system_alerts as a
        where
            a.resolved_at is null
            -- There may be one of low_balance for each user: these are not read.
            and a.type = any (v_types)
            and (
                (
                    a.type = any (v_judged)
                    and (a.user_id, a.type, a.dedup_key) not in (
                        select
                            c.user_id,
                            c.type,
                            c.dedup_key
                        from unnest(v_conditions) as c
                    )
                )
                or a.last_seen_at <= (
                    select v_now - r.quiet_after
                    from credits.alert_rules as r
                    where r.type = a.type
                )
            )
        for no key update skip locked
    ),

    resolved as (
        update credits.system_alerts as a
        set
            -- Not before it came, if it came while we judged.
            resolved_at = greatest(v_now, a.last_seen_at),
            resolved_by = 'pgcredits'
        from gone as g
        where
            a.user_id = g.user_id
            and a.alert_id = g.alert_id
        returning a.type
    )

    select array_agg(r.type)
    into v_resolved
    from resolved as r;

    with due as (
        select
            a.user_id,
            a.alert_id
        from credits.system_alerts as a
        inner join credits.alert_rules as r on a.type = r.type
        where
            a.resolved_at is null
            and a.acknowledged_at is null
            and a.notified_at <= v_now - r.renotify_after
            and r.enabled
        for no key update of a skip locked
    )

    update credits.system_alerts as a
    set notified_at = v_now
    from due as d
    where
        a.user_id = d.user_id
        and a.alert_id = d.alert_id;

    return query
    select
        c.type,
        count(*) filter (where c.is_opened),
        count(*) filter (where not c.is_opened)
    from (
        select
            o.type,
            true as is_opened
        from unnest(v_opened) as o (type)
        union all
        select
            r.type,
            false as is_opened
        from unnest(v_resolved) as r (type)
    ) as c
    group by c.type
    order by c.type;
end
$check_alerts$;

comment on function credits.check_alerts is
'Judge alert_rules now: open, escalate and resolve alerts, and tell listeners again of those that '
'nobody has acknowledged. One row for each type that was opened or resolved. It reads no more than '
'the rules'' time windows; while another session runs it, it does nothing. Call it in FROM.';

revoke all on function credits.check_alerts from public;
grant execute on function credits.check_alerts to credits_operator;

-- procedures/alerts/raise_alert.sql

-- Open an alert for the operators.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.raise_alert(
    p_type text,
    p_message text,
    p_user_id uuid default '00000000-0000-0000-0000-000000000000',
    p_dedup_key text default null,
    p_level text default null,
    p_generation_id uuid default null,
    p_provider text default null,
    p_metadata jsonb default '{}'
)
returns uuid
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $raise_alert$
begin
    -- Here the nil uuid stands for the platform.
    if p_user_id is null then
        perform credits_internal.require_user(null);
    end if;

    perform credits_internal.require_word('p_type', p_type, 100, 'Name what it is about.');
    perform credits_internal.require_word('p_message', p_message, 2000, 'Say what happened.');
    perform credits_internal.require_metadata(p_metadata);

    if not p_level = any (enum_range(null::credits.alert_level)::text []) then
        perform credits_internal.refuse_argument(
            'p_level',
            p_level,
            'is no level',
            'Pass info, warning, error or critical, or null for the usual one.'
        );
    end if;

    return credits_internal.open_alert(
        p_user_id => p_user_id,
        p_type => p_type,
        p_message => p_message,
        p_level => p_level::credits.alert_level,
        p_dedup_key => left(coalesce(p_dedup_key, ''), 200),
        p_generation_id => p_generation_id,
        p_provider => left(lower(btrim(p_provider)), 100),
        p_metadata => coalesce(p_metadata, '{}')
    );
end
$raise_alert$;

comment on function credits.raise_alert is
'Open an alert and return its id; where one of this user, type and key is open, that is counted '
'again. p_user_id: whom it is about, by default the platform. p_level: info, warning, error or '
'critical; null = as alert_rules says, warning where it says nothing. Null comes back where the '
'rule of the type is not enabled. A type that check_alerts judges is resolved by it where its '
'condition does not hold. Errors: PT422 invalid_argument.';

revoke all on function credits.raise_alert from public;
grant execute on function credits.raise_alert to credits_operator;

-- procedures/alerts/resolve_alert.sql

-- Say that an alert is dealt with.
--
-- Errors: PT422 invalid_argument, PT404 alert_not_found.

create or replace function credits.resolve_alert(
    p_user_id uuid,
    p_alert_id uuid,
    p_by text,
    p_note text default null
)
returns credits.system_alerts
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $resolve_alert$
declare
    v_alert credits.system_alerts;
    v_now timestamptz;
begin
    perform credits_internal.require_word('p_by', p_by, 100, 'Say who dealt with it.');

    if length(p_note) > 1000 then
        perform credits_internal.refuse_argument(
            'p_note',
            p_note,
            format('has %s characters', length(p_note)),
            'Say in at most 1000 characters what was done.'
        );
    end if;

    v_alert := credits_internal.lock_alert(p_user_id, p_alert_id);

    if v_alert.resolved_at is not null then
        return v_alert;
    end if;

    v_now := credits_internal.clock();

    update credits.system_alerts as a
    set
        resolved_at = v_now,
        resolved_by = p_by,
        metadata = case
            when p_note is null then a.metadata
            else a.metadata || jsonb_build_object('note', p_note)
        end
    where
        a.user_id = p_user_id
        and a.alert_id = p_alert_id
    returning a.* into strict v_alert;

    return v_alert;
end
$resolve_alert$;

comment on function credits.resolve_alert is
'Say that an alert is dealt with, and by whom; where its cause is still there, a new one opens. '
'p_note: what was done; kept as note in its metadata. Safe to repeat: the first stands. Returns '
'the alert as it is then. '
'Errors: PT422 invalid_argument, PT404 alert_not_found. Call it in FROM.';

revoke all on function credits.resolve_alert from public;
grant execute on function credits.resolve_alert to credits_operator;

-- procedures/generations/attach_provider_task.sql

-- Note that the provider has a generation, and under which id.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found, PT409 provider_task_conflict.

create or replace function credits.attach_provider_task(
    p_user_id uuid,
    p_generation_id uuid,
    p_provider_task_id text default null
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $attach_provider_task$
declare
    v_generation credits.generations;
    v_result credits.generation_result;
begin
    if p_provider_task_id is not null then
        -- A call costs as much as a small statement: it judges only what this stops.
        if btrim(p_provider_task_id) = '' or length(p_provider_task_id) > 500 then
            perform credits_internal.require_word(
                'p_provider_task_id',
                p_provider_task_id,
                500,
                'Pass the provider''s id of the task.'
            );
        end if;

        -- Before the user's row, always: a callback that knows no user yet comes this way, too.
        perform credits_internal.lock_task(g.provider, p_provider_task_id)
        from credits.generations as g
        where
            g.user_id = p_user_id
            and g.generation_id = p_generation_id;

        -- Its start is not committed: without the task's lock a callback could be missed.
        if not found and p_user_id is not null and p_generation_id is not null then
            perform credits_internal.refuse_generation(p_generation_id);
        end if;
    end if;

    v_generation := credits_internal.lock_generation(p_user_id, p_generation_id);

    if not credits_internal.map_task(v_generation, p_provider_task_id) then
        v_result := credits_internal.generation_result(p_user_id, p_generation_id, false, true);
    else
        v_result := credits_internal.apply_event(
            p_generation => v_generation,
            p_event => 'submitted',
            p_provider_task_id => p_provider_task_id
        );
    end if;

    -- Almost always: there are none.
    if exists (
        select
        from credits.provider_callbacks as c
        where
            c.provider = v_generation.provider
            and c.provider_task_id = p_provider_task_id
    ) then
        perform credits_internal.apply_waiting(v_generation, p_provider_task_id);

        return credits_internal.generation_result(
            p_user_id, p_generation_id, v_result.applied, v_result.replayed
        );
    end if;

    return v_result;
end
$attach_provider_task$;

comment on function credits.attach_provider_task is
'Note that the provider has the generation, under this id of its own (null: it gives none), so '
'that its callbacks are understood; those that came before are applied at once. Of a finished '
'generation the id is noted, too. Safe to repeat. Errors: PT422 invalid_argument, PT404 '
'generation_not_found, PT409 provider_task_conflict (the id belongs to another generation, or '
'this one has another id). Call it in FROM.';

revoke all on function credits.attach_provider_task from public;
grant execute on function credits.attach_provider_task to credits_app;

-- procedures/generations/cancel_generation.sql

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
'Cancel a generation: before the provider has it everything comes back, after that what '
'refund_policies say of user_cancelled; a failure that is reported later raises it to its own. A '
'finished one stays as it is. A long reason is cut. Safe to repeat. '
'Errors: PT422 invalid_argument, PT404 generation_not_found. Call it in FROM.';

revoke all on function credits.cancel_generation from public;
grant execute on function credits.cancel_generation to credits_app;

-- procedures/generations/complete_generation.sql

-- Report that a generation succeeded, and what it came to.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found.

create or replace function credits.complete_generation(
    p_user_id uuid,
    p_generation_id uuid,
    p_final_credits bigint default null,
    p_cost_usd numeric default null,
    p_metadata jsonb default '{}'
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $complete_generation$
declare
    v_generation credits.generations;
    v_metadata jsonb := coalesce(p_metadata, '{}');
    v_dropped text [];
begin
    if p_final_credits < 0 then
        perform credits_internal.refuse_argument(
            'p_final_credits',
            p_final_credits::text,
            'is ' || p_final_credits::text,
            'Pass what the generation costs the user: 0 or more, or null for what was charged.'
        );
    end if;

    v_generation := credits_internal.lock_generation(p_user_id, p_generation_id);

    -- A success is not refused over a description.
    if v_metadata <> '{}'
        and (
            jsonb_typeof(v_metadata) <> 'object'
            or octet_length((v_generation.metadata || v_metadata)::text) > 16384
        )
    then
        v_metadata := '{}';
        v_dropped := array['p_metadata'];
    end if;

    return credits_internal.apply_event(
        p_generation => v_generation,
        p_event => 'success',
        p_final_credits => p_final_credits,
        p_cost_usd => p_cost_usd,
        p_metadata => v_metadata,
        p_payload => v_metadata,
        p_dropped => v_dropped
    );
end
$complete_generation$;

comment on function credits.complete_generation is
'Report a success; deliver the result only where status is succeeded. p_final_credits: the price '
'in the end (null = as charged); a lower one gives the difference back, also when it comes later, '
'a higher one changes nothing and alerts. p_cost_usd: what the provider bills, in US dollars. '
'p_metadata is added to the generation''s. A cost or metadata that make no sense are left out, '
'not refused. Safe to repeat. Errors: PT422 invalid_argument, PT404 generation_not_found. Call it '
'in FROM.';

revoke all on function credits.complete_generation from public;
grant execute on function credits.complete_generation to credits_app;

-- procedures/generations/explain_charge.sql

-- Answer "why was I charged?": everything about one generation, in one JSON object.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found.

create or replace function credits.explain_charge(
    p_user_id uuid,
    p_generation_id uuid
)
returns jsonb
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $explain_charge$
declare
    v_explanation jsonb;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_generation(p_generation_id);

    select
        jsonb_build_object(
            'generation_id', g.generation_id,
            'user_id', g.user_id,
            'provider', g.provider,
            'generation_type', g.generation_type,
            'status', g.status,
            'started_at', credits_internal.utc_text(g.created_at),
            'finished_at', credits_internal.utc_text(g.finished_at),
            'retry_of', g.retry_of,
            'error_type', g.error_type,
            'error_message', g.error_message,
            'price', jsonb_build_object(
                'credits_charged', g.credits_charged,
                'credits_due_back', g.refund_due_credits,
                'credits_refunded', coalesce(r.refunded, 0),
                'credits_net', g.credits_charged - coalesce(r.refunded, 0)
            ),
            'charge', jsonb_build_object(
                'transaction_id', t.transaction_id,
                'at', credits_internal.utc_text(t.created_at),
                'credits', t.credits,
                'lots', credits_internal.explain_lots(g.user_id, t.allocations)
            ),
            'events', (
                select
                    jsonb_agg(
                        jsonb_strip_nulls(
                            jsonb_build_object(
                                'event_no', e.event_no,
                                'at', credits_internal.utc_text(e.created_at),
                                'event', e.event,
                                'applied', e.applied,
                                'is_callback', e.is_callback,
                                'credits', e.credits,
                                'error_type', e.error_type,
                                'code', e.code,
                                'message', e.message,
                                'explanation', x.description
                            )
                        )
                        order by e.event_no
                    )
                from credits.generation_events as e
                left join credits_internal.generation_life() as x
                    on
                        e.status_before = x.status
                        and e.event = x.event
                where
                    e.user_id = g.user_id
                    and e.generation_id = g.generation_id
            ),
            'refunds', coalesce(
                (
                    select
                        jsonb_agg(
                            jsonb_build_object(
                                'transaction_id', f.transaction_id,
                                'at', credits_internal.utc_text(f.created_at),
                                'credits', f.credits,
                                'reason', f.reason,
                                'lots', credits_internal.explain_lots(g.user_id, f.allocations)
                            )
                            order by f.transaction_id
                        )
                    from credits.credit_transactions as f
                    where
                        f.user_id = g.user_id
                        -- All lie between the charge and the last of them.
                        and f.transaction_id > g.charge_transaction_id
                        and f.transaction_id <= r.last_refund_id
                        and f.refund_of = g.charge_transaction_id
                ),
                '[]'
            )
        )
    into v_explanation
    from credits.generations as g
    left join credits.credit_transactions as t
        on
            g.user_id = t.user_id
            and g.charge_transaction_id = t.transaction_id
    left join credits.refund_totals as r
        on
            g.user_id = r.user_id
            and g.charge_transaction_id = r.transaction_id
    where
        g.user_id = p_user_id
        and g.generation_id = p_generation_id;

    if not found then
        perform credits_internal.refuse_generation(p_generation_id);
    end if;

    return v_explanation;
end
$explain_charge$;

comment on function credits.explain_charge is
'Why a user was charged for a generation: its price, the lots that paid, every event, every refund '
'and what it cost in the end (price.credits_net), as one JSON object. Costs in US dollars are not '
'in it: it is for the user. Times are UTC. Messages are hostile input. '
'Errors: PT422 invalid_argument, PT404 generation_not_found.';

revoke all on function credits.explain_charge from public;
grant execute on function credits.explain_charge to credits_app;

-- procedures/generations/fail_generation.sql

-- Report that a generation failed; what the policy says comes back.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found.

create or replace function credits.fail_generation(
    p_user_id uuid,
    p_generation_id uuid,
    p_error_type text default 'unknown',
    p_error_message text default null,
    p_error_code text default null,
    p_provider_billed boolean default null,
    p_cost_usd numeric default null
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $fail_generation$
begin
    return credits_internal.apply_event(
        p_generation => credits_internal.lock_generation(p_user_id, p_generation_id),
        p_event => 'failure',
        p_error_type => p_error_type,
        p_code => p_error_code,
        p_message => p_error_message,
        p_provider_billed => p_provider_billed,
        p_cost_usd => p_cost_usd
    );
end
$fail_generation$;

comment on function credits.fail_generation is
'Report a failure, whatever it was: what refund_policies say of p_error_type comes back, once. '
'p_provider_billed: whether the provider bills it all the same (null = unknown), p_cost_usd how '
'much, in US dollars. Long texts are cut and a cost that makes no sense is left out, not refused. '
'Safe to repeat. Errors: PT422 invalid_argument, PT404 generation_not_found. Call it in FROM.';

revoke all on function credits.fail_generation from public;
grant execute on function credits.fail_generation to credits_app;

-- procedures/generations/get_generation.sql

-- Show a generation as it stands.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found.

create or replace function credits.get_generation(
    p_user_id uuid,
    p_generation_id uuid
)
returns credits.generation_result
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $get_generation$
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_generation(p_generation_id);

    return credits_internal.generation_result(p_user_id, p_generation_id, false, false);
end
$get_generation$;

comment on function credits.get_generation is
'A generation as it stands now; applied and replayed are false. Errors: PT422 invalid_argument, '
'PT404 generation_not_found. Call it in FROM.';

revoke all on function credits.get_generation from public;
grant execute on function credits.get_generation to credits_app;

-- procedures/generations/handle_provider_callback.sql

-- Take in what a provider calls back with.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.handle_provider_callback(
    p_provider text,
    p_provider_task_id text,
    p_code text,
    p_message text default null,
    p_cost_usd numeric default null,
    p_payload jsonb default '{}'
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $handle_provider_callback$
declare
    v_provider constant text := lower(btrim(p_provider));
    -- No provider needs more; what does not fit is kept as text, cut.
    v_payload constant jsonb := case
        when octet_length(p_payload::text) > 65536 then to_jsonb(left(p_payload::text, 16384))
        else p_payload
    end;
    v_task record;
    v_now timestamptz;
    v_callback_id uuid;
begin
    -- One expression lets every good call pass, and whatever it stops is judged by these.
    if coalesce(v_provider, '') = ''
        or coalesce(btrim(p_provider_task_id), '') = ''
        or length(p_provider) > 100
        or length(p_provider_task_id) > 500
    then
        perform credits_internal.require_word(
            'p_provider', p_provider, 100, 'Name the provider as start_generation did.'
        );
        perform credits_internal.require_word(
            'p_provider_task_id', p_provider_task_id, 500, 'Pass the provider''s id of the task.'
        );
    end if;

    select
        t.user_id,
        t.generation_id
    into v_task
    from credits.provider_tasks as t
    where
        t.provider = v_provider
        and t.provider_task_id = p_provider_task_id;

    if not found then
        -- Somebody may be attaching it at this moment: look again when they are done.
        perform credits_internal.lock_task(v_provider, p_provider_task_id);

        select
            t.user_id,
            t.generation_id
        into v_task
        from credits.provider_tasks as t
        where
            t.provider = v_provider
            and t.provider_task_id = p_provider_task_id;

        if not found then
            v_now := credits_internal.clock();
            v_callback_id := credits_internal.uuid_v7(v_now);

            insert into credits.provider_callbacks (
                provider,
                provider_task_id,
                callback_id,
                received_at,
                cost_usd,
                code,
                message,
                payload,
                dropped
            )
            values (
                v_provider,
                p_provider_task_id,
                v_callback_id,
                v_now,
                credits_internal.known_usd(p_cost_usd),
                left(p_code, 500),
                left(p_message, 1000),
                v_payload,
                case
                    when p_cost_usd is distinct from credits_internal.known_usd(p_cost_usd)
                        then array['p_cost_usd ' || left(p_cost_usd::text, 100)]
                end
            );

            return row(
                null, null, null, null, null, null, null, false, null
            )::credits.generation_result;
        end if;
    end if;

    return credits_internal.receive_callback(
        p_generation => credits_internal.lock_generation(v_task.user_id, v_task.generation_id),
        p_code => p_code,
        p_message => p_message,
        p_cost_usd => p_cost_usd,
        p_payload => v_payload
    );
end
$handle_provider_callback$;

comment on function credits.handle_provider_callback is
'Take in a provider''s callback, in any order and as often as it comes; authenticate the provider '
'before. p_code is looked up in provider_error_codes; an unknown one is kept, alerts, and leaves '
'the generation to its deadline. A callback for a task that nobody has attached waits until '
'somebody does: the answer is all null but applied = false. Answer your own client with refunded. '
'p_cost_usd: what the provider bills, in US dollars. Long texts are cut, a cost that makes no '
'sense is left out. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.handle_provider_callback from public;
grant execute on function credits.handle_provider_callback to credits_app;

-- procedures/generations/start_generation.sql

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
    p_quoted_cost_usd numeric default null,
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
    v_provider constant text := lower(btrim(p_provider));
    v_type constant text := btrim(p_generation_type);
    v_terms record;
    v_generation_id uuid := p_generation_id;
    v_charge credits.transaction_result;
    v_now timestamptz;
begin
    -- One expression lets every good call pass, and whatever it stops is judged by these.
    if p_user_id is null
        or p_credits is null
        or p_credits not between 1 and 1000000000000
        or coalesce(v_provider, '') = ''
        or coalesce(v_type, '') = ''
        or length(p_provider) > 100
        or length(p_generation_type) > 100
        or p_quoted_cost_usd not between 0 and 999999999
        or p_timeout is not null
        or p_metadata <> '{}'
    then
        perform credits_internal.require_user(p_user_id);
        perform credits_internal.require_word(
            'p_provider', p_provider, 100, 'Name who does the work.'
        );
        perform credits_internal.require_word(
            'p_generation_type', p_generation_type, 100, 'Name what is made.'
        );
        perform credits_internal.require_credits(p_credits);
        perform credits_internal.require_usd('p_quoted_cost_usd', p_quoted_cost_usd);
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
            p_quoted_cost_usd,
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

    -- Not before: the charge may have waited for the lock.
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

-- procedures/integrity/check_ledger.sql

-- Verify the users who were not verified for the longest time, and note the outcome.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.check_ledger(
    p_limit integer default 500
)
returns setof credits.ledger_violation
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $check_ledger$
declare
    v_user_ids uuid[];
    v_user_id uuid;
    v_now timestamptz;
    v_found bigint;
begin
    perform credits_internal.require_limit(p_limit);

    -- In the order of their ids, so that two checks at once meet in one order.
    select array_agg(n.user_id order by n.user_id)
    into v_user_ids
    from (
        select u.user_id
        from credits.user_credits as u
        left join credits.ledger_checks as c on u.user_id = c.user_id
        order by c.verified_at nulls first
        limit p_limit
    ) as n;

    foreach v_user_id in array coalesce(v_user_ids, '{}') loop
        return query select v.* from credits.verify_ledger(p_user_id => v_user_id) as v;

        get diagnostics v_found = row_count;
        v_now := credits_internal.clock();

        insert into credits.ledger_checks as c (user_id, verified_at, violations)
        values (v_user_id, v_now, v_found)
        on conflict (user_id) do update
        set
            verified_at = excluded.verified_at,
            violations = excluded.violations;
    end loop;
end
$check_ledger$;

comment on function credits.check_ledger is
'Verify the users longest unverified, record the outcome in ledger_checks, and return the '
'violations found. Safe to run twice at once. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.check_ledger from public;
grant execute on function credits.check_ledger to credits_operator;

-- procedures/integrity/verify_ledger.sql

-- Prove the ledger: no rows = healthy.

create or replace function credits.verify_ledger(
    p_user_id uuid default null
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $verify_ledger$
declare
    -- One user or all, by one form of query that the primary keys serve.
    v_from constant uuid := coalesce(p_user_id, '00000000-0000-0000-0000-000000000000');
    v_to constant uuid := coalesce(p_user_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
begin
    return query select v.* from credits_internal.verify_users(v_from, v_to) as v;
    return query select v.* from credits_internal.verify_entries(v_from, v_to) as v;
    return query select v.* from credits_internal.verify_lots(v_from, v_to) as v;
    return query select v.* from credits_internal.verify_refunds(v_from, v_to) as v;
    return query select v.* from credits_internal.verify_revocations(v_from, v_to) as v;
    return query select v.* from credits_internal.verify_generations(v_from, v_to) as v;

    if p_user_id is null then
        return query select v.* from credits_internal.verify_purchases() as v;
    end if;
end
$verify_ledger$;

comment on function credits.verify_ledger is
'Prove the ledger of one user, or of all (null): a row for each violation, none = healthy. '
'Balances against ledger and lots, rows numbered without gaps, the hash chain, allocations, '
'refunds within their charges, revocations, generations charged once, settled and with every owed '
'refund listed, and (for all) no purchase key used for two users. '
'Sees one snapshot. Call it in FROM.';

revoke all on function credits.verify_ledger from public;
grant execute on function credits.verify_ledger to credits_operator;

-- procedures/internal/absorbed_costs.sql

-- What providers billed, day by day, for what did not succeed and was given back.

create or replace function credits_internal.absorbed_costs(
    p_first_day date,
    p_last_day date,
    p_time_zone text
)
returns table (
    day date,
    cost_usd numeric
)
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $absorbed_costs$
    select
        d.day::date,
        coalesce(sum(g.cost_usd), 0)
    from generate_series(p_first_day::timestamp, p_last_day, interval '1 day') as d (day)
    left join lateral (
        select f.cost_usd
        from credits_monitoring.generation_facts as f
        where
            f.finished_at >= d.day at time zone p_time_zone
            and f.finished_at < (d.day + interval '1 day') at time zone p_time_zone
            and f.is_absorbed
        -- A fence: each day reads its own part of the index, and no other.
        offset 0
    ) as g on true
    group by d.day
$absorbed_costs$;

comment on function credits_internal.absorbed_costs is
'US dollars absorbed on each day from the first to the last, 0 where none; days in this time zone.';

revoke all on function credits_internal.absorbed_costs from public;

-- procedures/internal/add_lot.sql

-- Grant credits to a user: make a lot and its ledger row.

create or replace function credits_internal.add_lot(
    p_user credits.user_credits,
    p_transaction_id uuid,
    p_at timestamptz,
    p_credits bigint,
    p_source credits.credit_source,
    p_expires_at timestamptz,
    p_priority integer,
    p_unit_price_usd numeric,
    p_origin_lot_id uuid default null,
    p_requested_credits bigint default null,
    p_reason text default null,
    p_idempotency_key text default null,
    p_metadata jsonb default null
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $add_lot$
declare
    v_lot_id constant uuid := credits_internal.uuid_v7(p_at);
begin
    insert into credits.credit_lots (
        user_id,
        lot_id,
        granted,
        remaining,
        expires_at,
        created_at,
        grant_transaction_id,
        origin_lot_id,
        priority,
        source,
        unit_price_usd
    )
    values (
        p_user.user_id,
        v_lot_id,
        p_credits,
        p_credits,
        p_expires_at,
        p_at,
        p_transaction_id,
        p_origin_lot_id,
        p_priority,
        p_source,
        p_unit_price_usd
    );

    return credits_internal.write_entry(
        p_user => p_user,
        p_transaction_id => p_transaction_id,
        p_at => p_at,
        p_transaction_type => 'grant',
        p_allocations => jsonb_build_array(credits_internal.allocation(v_lot_id, p_credits)),
        p_credits => p_credits,
        p_requested_credits => p_requested_credits,
        p_source => p_source,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key,
        p_metadata => p_metadata
    );
end
$add_lot$;

comment on function credits_internal.add_lot is
'Make a lot for a locked user and write its grant into the ledger.';

revoke all on function credits_internal.add_lot from public;

-- procedures/internal/alert_on_event.sql

-- Tell the operators of a report that does not fit what was settled.

create or replace function credits_internal.alert_on_event(
    p_generation credits.generations,
    p_type text,
    p_final_credits bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $alert_on_event$
declare
    v_result constant credits.generation_result := credits_internal.generation_result(
        p_generation.user_id, p_generation.generation_id, null, null
    );
begin
    if p_type = 'conflicting_failure' then
        perform credits_internal.open_generation_alert(
            p_generation,
            p_type,
            'a failure was reported of a generation that had succeeded'
        );
    elsif p_type = 'late_success_after_refund'
        and (
            p_generation.status <> 'cancelled'
            or v_result.refunded
            or p_generation.refund_due_credits > 0
        )
    then
        perform credits_internal.open_generation_alert(
            p_generation,
            p_type,
            format(
                'a success was reported of a generation that had been settled as %s; the provider '
                'bills it',
                p_generation.status
            )
        );
    end if;

    if p_final_credits > p_generation.credits_charged
        and p_generation.status = 'succeeded'
    then
        perform credits_internal.open_generation_alert(
            p_generation,
            'price_above_charge',
            format(
                'the final price of %s credits is above the charge of %s; it stays at the charge',
                p_final_credits,
                p_generation.credits_charged
            )
        );
    end if;
end
$alert_on_event$;

comment on function credits_internal.alert_on_event is
'Open the alerts that an event of a generation calls for.';

revoke all on function credits_internal.alert_on_event from public;

-- procedures/internal/allocated.sql

-- What the legs of a ledger row sum to.

create or replace function credits_internal.allocated(
    p_allocations jsonb
)
returns bigint
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $allocated$
    select coalesce(sum(a.credits), 0)::bigint
    from jsonb_to_recordset(p_allocations) as a (credits bigint)
$allocated$;

comment on function credits_internal.allocated is
'The signed sum of allocations; 0 for null.';

revoke all on function credits_internal.allocated from public;

-- procedures/internal/allocation.sql

-- One leg of a ledger row: a lot and by how much it moved.

create or replace function credits_internal.allocation(
    p_lot_id uuid,
    p_credits bigint
)
returns jsonb
language sql
stable
parallel safe
security invoker
as $allocation$
    select pg_catalog.jsonb_build_object('lot_id', p_lot_id, 'credits', p_credits)
$allocation$;

comment on function credits_internal.allocation is
'One element of credit_transactions.allocations; credits are signed.';

revoke all on function credits_internal.allocation from public;

-- procedures/internal/announce_alert.sql

-- Tell the listeners what became of an alert.

create or replace function credits_internal.announce_alert()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $announce_alert$
declare
    v_event constant text := case
        when tg_op = 'INSERT' then 'opened'
        when old.resolved_at is not null then null
        when new.resolved_at is not null then 'resolved'
        when new.level > old.level then 'escalated'
        when new.notified_at > old.notified_at then 'due_again'
    end;
begin
    if v_event is null or not (select s.notify_alerts from credits.settings as s) then
        return null;
    end if;

    -- NOTIFY takes less than 8000 bytes, and a character of a text may need six.
    perform pg_notify(
        'credits_alerts',
        json_build_object(
            'v', 1,
            'event', v_event,
            'alert_id', new.alert_id,
            'user_id', new.user_id,
            'type', left(new.type, 100),
            'level', new.level,
            'dedup_key', left(new.dedup_key, 200),
            'provider', left(new.provider, 100),
            -- As the row has it, so that who polls, too, knows the same event by the same time.
            'at', credits_internal.utc_text(
                case v_event
                    when 'opened' then new.created_at
                    when 'resolved' then new.resolved_at
                    else new.notified_at
                end
            )
        )::text
    );

    return null;
end
$announce_alert$;

comment on function credits_internal.announce_alert is
'Send NOTIFY credits_alerts for an alert that was opened, escalated or resolved, or is due again.';

revoke all on function credits_internal.announce_alert from public;

create or replace trigger announce
after insert or update on credits.system_alerts
for each row execute function credits_internal.announce_alert();

-- procedures/internal/apply_event.sql

-- Apply what was reported of a generation: every change of its status, and everything that becomes
-- due by one, happens here.
--
-- The caller holds its lock. Whoever reports only describes, so that nothing is refused: texts are
-- cut, and what makes no sense has been dropped.

create or replace function credits_internal.apply_event(
    p_generation credits.generations,
    p_event credits.generation_event,
    p_is_callback boolean default false,
    p_final_credits bigint default null,
    p_error_type text default null,
    p_code text default null,
    p_message text default null,
    p_provider_billed boolean default null,
    p_cost_usd numeric default null,
    p_provider_task_id text default null,
    p_metadata jsonb default '{}',
    p_payload jsonb default null,
    p_dropped text[] default null
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $apply_event$
declare
    v_generation credits.generations := p_generation;
    v_error_type constant text := case p_event
        when 'failure' then
            coalesce(nullif(lower(left(btrim(p_error_type), 100)), ''), 'unknown')
        when 'cancel' then 'user_cancelled'
        when 'deadline' then 'timeout'
    end;
    v_code constant text := left(p_code, 500);
    v_message constant text := left(p_message, 1000);
    v_cost_usd constant numeric := credits_internal.known_usd(p_cost_usd);
    v_rule record;
    v_due bigint;
    v_applied boolean;
    v_replayed boolean;
    v_is_late_success boolean;
    v_books boolean;
    v_now timestamptz;
    v_payment credits.owed_refund;
begin
    select
        r.next_status,
        r.outcome,
        r.due,
        r.alert
    into strict v_rule
    from credits_internal.generation_life() as r
    where
        r.status = p_generation.status
        and r.event = p_event
    -- There is one: what follows it need not be read.
    limit 1;

    v_due := p_generation.refund_due_credits;

    if v_rule.due = 'price' then
        v_due := greatest(v_due, p_generation.credits_charged - p_final_credits);
    elsif v_rule.due = 'policy'
        and v_error_type = 'user_cancelled'
        and p_generation.status = 'pending'
    then
        -- Nobody has worked for it yet.
        v_due := p_generation.credits_charged;
    elsif v_rule.due = 'policy' then
        -- Rounding favours the user.
        v_due := greatest(
            v_due,
            ceil(
                p_generation.credits_charged * coalesce(
                    (
                        select p.refund_percent
                        from credits.refund_policies as p
                        where p.error_type in (v_error_type, '*')
                        order by p.error_type = '*'
                        limit 1
                    ),
                    100
                ) / 100
            )::bigint
        );
    end if;

    v_applied := v_rule.outcome = 'applied'
        or (v_rule.outcome = 'raises' and v_due > p_generation.refund_due_credits)
        -- The provider has it, as we knew; but now also under which id.
        or (
            p_generation.status = 'processing'
            and p_generation.provider_task_id is null
            and p_provider_task_id is not null
        );
    v_replayed := v_rule.outcome in ('raises', 'replay') and not v_applied;
    v_is_late_success := v_rule.alert is not distinct from 'late_success_after_refund';
    v_books := v_applied
        -- The same again, but with what was not known before.
        or (
            v_replayed
            and (
                (p_generation.cost_usd is null and v_cost_usd is not null)
                or (p_generation.provider_billed is null and p_provider_billed is not null)
            )
        );

    -- Every callback is kept; of other calls, those that are more than the same again.
    if p_is_callback or not v_replayed or v_books then
        v_now := credits_internal.clock();

        update credits.generations as g
        set
            status = case when v_applied then v_rule.next_status else g.status end,
            submitted_at = case
                when p_event = 'submitted' or (v_applied and v_rule.next_status = 'processing')
                    then coalesce(g.submitted_at, v_now)
                else g.submitted_at
            end,
            finished_at = case
                when v_applied and v_rule.next_status not in ('pending', 'processing')
                    then coalesce(g.finished_at, v_now)
                else g.finished_at
            end,
            refund_due_credits = v_due,
            provider_task_id = coalesce(g.provider_task_id, p_provider_task_id),
            error_type = case when v_applied then coalesce(v_error_type, g.error_type)
                else g.error_type
            end,
            error_code = case when v_applied and v_error_type is not null then v_code
                else g.error_code
            end,
            error_message = case when v_applied and v_error_type is not null then v_message
                else g.error_message
            end,
            cost_usd = case
                when v_applied or v_is_late_success then coalesce(v_cost_usd, g.cost_usd)
                when v_books then coalesce(g.cost_usd, v_cost_usd)
                else g.cost_usd
            end,
            provider_billed = case
                when v_is_late_success then true
                when v_applied then coalesce(p_provider_billed, g.provider_billed)
                when v_books then coalesce(g.provider_billed, p_provider_billed)
                else g.provider_billed
            end,
            metadata = case when v_applied then g.metadata || p_metadata else g.metadata end,
            last_event_no = g.last_event_no + 1
        where
            g.user_id = p_generation.user_id
            and g.generation_id = p_generation.generation_id
        -- What is read of it from here on; all of the row costs.
        returning g.status, g.refund_due_credits, g.error_type, g.last_event_no
        into strict
            v_generation.status,
            v_generation.refund_due_credits,
            v_generation.error_type,
            v_generation.last_event_no;

        -- As write_event does, but for the call.
        insert into credits.generation_events (
            user_id,
            generation_id,
            event_no,
            event,
            status_before,
            applied,
            is_callback,
            created_at,
            credits,
            cost_usd,
            provider_billed,
            error_type,
            code,
            message,
            payload,
            dropped
        )
        values (
            p_generation.user_id,
            p_generation.generation_id,
            v_generation.last_event_no,
            p_event,
            p_generation.status,
            v_applied,
            p_is_callback,
            v_now,
            p_final_credits,
            v_cost_usd,
            p_provider_billed,
            v_error_type,
            coalesce(p_provider_task_id, v_code),
            v_message,
            coalesce(p_payload, '{}'),
            case
                when p_cost_usd is distinct from v_cost_usd
                    then coalesce(p_dropped, '{}') || ('p_cost_usd ' || left(p_cost_usd::text, 100))
                else p_dropped
            end
        );

        -- What is under review is on the list already, and paid by settle_owed_refunds alone.
        if v_applied and v_due > 0 and not v_generation.owed_review then
            v_payment := credits_internal.pay_or_owe(v_generation);
        end if;
    end if;

    if v_rule.alert is not null or p_final_credits > p_generation.credits_charged then
        perform credits_internal.alert_on_event(
            p_generation => v_generation,
            p_type => v_rule.alert,
            p_final_credits => p_final_credits
        );
    end if;

    if p_generation.finished_at is not null then
        return credits_internal.generation_result(
            p_generation.user_id, p_generation.generation_id, v_applied, v_replayed
        );
    end if;

    -- The usual case: of one that was in flight, nothing had come back before.
    return row(
        p_generation.generation_id,
        p_generation.user_id,
        v_generation.status,
        p_generation.credits_charged,
        coalesce(v_payment.credits_refunded, 0),
        coalesce(v_payment.credits_refunded, 0) > 0 and v_generation.status <> 'succeeded',
        (
            select
                case
                    when u.next_expiry_at <= credits_internal.clock()
                        then credits_internal.spendable_credits(u.user_id)
                    else u.balance
                end
            from credits.user_credits as u
            where u.user_id = p_generation.user_id
        ),
        v_applied,
        v_replayed
    )::credits.generation_result;
end
$apply_event$;

comment on function credits_internal.apply_event is
'Apply one event to a locked generation by the rules of generation_life: status, what is due, '
'cost, event, payment and alert.';

revoke all on function credits_internal.apply_event from public;

-- procedures/internal/apply_waiting.sql

-- Apply the callbacks of a task that came before anybody had attached it, in the order they came.

create or replace function credits_internal.apply_waiting(
    p_generation credits.generations,
    p_provider_task_id text
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $apply_waiting$
declare
    v_callback record;
    v_generation credits.generations;
    v_applied bigint := 0;
begin
    for v_callback in
        with taken as (
            delete from credits.provider_callbacks as c
            where
                c.provider = p_generation.provider
                and c.provider_task_id = p_provider_task_id
            returning c.*
        )
        select t.*
        from taken as t
        order by t.callback_id
    loop
        -- As the one before has left it.
        v_generation := credits_internal.lock_generation(
            p_generation.user_id, p_generation.generation_id
        );
        perform credits_internal.receive_callback(
            p_generation => v_generation,
            p_code => v_callback.code,
            p_message => v_callback.message,
            p_cost_usd => v_callback.cost_usd,
            p_payload => v_callback.payload,
            p_dropped => v_callback.dropped
        );
        v_applied := v_applied + 1;
    end loop;

    return v_applied;
end
$apply_waiting$;

comment on function credits_internal.apply_waiting is
'Take a task''s waiting callbacks out of the inbox and apply them to its locked generation; '
'returns how many there were.';

revoke all on function credits_internal.apply_waiting from public;

-- procedures/internal/book_recovered.sql

-- Note that a lot's revocations got some of what they were owed, the oldest first.

create or replace function credits_internal.book_recovered(
    p_user_id uuid,
    p_lot_id uuid,
    p_credits bigint
)
returns void
language sql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $book_recovered$
    update credits.credit_lots as l
    set revoked_owed = l.revoked_owed - p_credits
    where
        l.user_id = p_user_id
        and l.lot_id = p_lot_id;

    with owing as (
        select
            r.revocation_id,
            r.owed_credits,
            sum(r.owed_credits) over (order by r.revocation_id) as upto
        from credits.revocations as r
        where
            r.user_id = p_user_id
            and r.lot_id = p_lot_id
    ),
    paid as (
        select
            o.revocation_id,
            least(o.owed_credits, p_credits - (o.upto - o.owed_credits))::bigint as credits
        from owing as o
    )
    update credits.revocations as r
    set
        recovered_credits = r.recovered_credits + p.credits,
        owed_credits = r.owed_credits - p.credits
    from paid as p
    where
        r.user_id = p_user_id
        and r.revocation_id = p.revocation_id
        and p.credits > 0;
$book_recovered$;

comment on function credits_internal.book_recovered is
'Lower what a lot owes to its revocations by so many credits, and spread them over these.';

revoke all on function credits_internal.book_recovered from public;

-- procedures/internal/charge_imported_task.sql

-- Charge a task of an older system here, too, with credits that were brought over for it alone.
--
-- The pair of rows nets to zero: the user paid in the older system. The caller holds the lock of
-- the user's row where there is one.
--
-- Errors: PT422 invalid_argument where the balance would pass its limit.

create or replace function credits_internal.charge_imported_task(
    p_task credits_internal.imported_task
)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $charge_imported_task$
declare
    v_key constant text := credits_internal.import_key(p_task.source_table, p_task.source_id);
    v_user credits.user_credits;
    v_now timestamptz;
    v_at timestamptz;
    v_grant_id uuid;
    v_charge_id uuid;
    v_lot_id uuid;
begin
    v_user := credits_internal.lock_user(p_task.user_id, p_create_missing => true);
    v_now := credits_internal.clock();
    v_user := credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);

    v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
    v_grant_id := credits_internal.uuid_v7(v_at);
    v_user := credits_internal.add_lot(
        p_user => v_user,
        p_transaction_id => v_grant_id,
        p_at => v_at,
        p_credits => p_task.credits_to_charge,
        p_requested_credits => p_task.credits_to_charge,
        p_source => 'import',
        p_expires_at => null,
        p_priority => 100,
        p_unit_price_usd => null,
        p_reason => 'charged in the older system',
        p_idempotency_key => v_key
    );

    -- These very credits, whatever else the user has.
    update credits.credit_lots as l
    set remaining = 0
    where
        l.user_id = p_task.user_id
        and l.grant_transaction_id = v_grant_id
    returning l.lot_id into strict v_lot_id;

    v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
    v_charge_id := credits_internal.uuid_v7(v_at);
    v_user := credits_internal.write_entry(
        p_user => v_user,
        p_transaction_id => v_charge_id,
        p_at => v_at,
        p_transaction_type => 'deduction',
        p_allocations => jsonb_build_array(
            credits_internal.allocation(v_lot_id, -p_task.credits_to_charge)
        ),
        p_credits => -p_task.credits_to_charge,
        p_requested_credits => p_task.credits_to_charge,
        p_generation_id => p_task.generation_id,
        p_reason => 'charged in the older system',
        p_idempotency_key => v_key || ':charge'
    );

    return v_charge_id;
end
$charge_imported_task$;

comment on function credits_internal.charge_imported_task is
'A grant and a deduction of the same credits for a task of an older system; returns the deduction.';

revoke all on function credits_internal.charge_imported_task from public;

-- procedures/internal/clock.sql

-- The one clock that everything here reads, so that tests and the demo can replace it.
--
-- Inlined by the planner: it costs nothing, and needs no search_path of its own.

create or replace function credits_internal.clock()
returns timestamptz
language sql
volatile
parallel safe
security invoker
as $clock$
    select pg_catalog.clock_timestamp()
$clock$;

comment on function credits_internal.clock is
'The server''s time now, as every function of pgcredits reads it.';

revoke all on function credits_internal.clock from public;

-- procedures/internal/close_alert.sql

-- Resolve an open alert whose cause is gone.

create or replace function credits_internal.close_alert(
    p_user_id uuid,
    p_type text,
    p_dedup_key text
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $close_alert$
declare
    v_now constant timestamptz := credits_internal.clock();
begin
    update credits.system_alerts as a
    set
        resolved_at = v_now,
        resolved_by = 'pgcredits'
    where
        a.user_id = p_user_id
        and a.type = p_type
        and a.dedup_key = p_dedup_key
        and a.resolved_at is null;
end
$close_alert$;

comment on function credits_internal.close_alert is
'Resolve the open alert of this user, type and key, if there is one.';

revoke all on function credits_internal.close_alert from public;

-- procedures/internal/collect_owed.sql

-- After a refund: take what a revocation could not get when it was made.

create or replace function credits_internal.collect_owed(
    p_user credits.user_credits,
    p_now timestamptz,
    p_returned jsonb
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $collect_owed$
declare
    v_user credits.user_credits := p_user;
    v_owing record;
    v_recovered jsonb;
    v_at timestamptz;
begin
    -- A lot that still owes had been emptied, with all descended from it: what is there now has
    -- just come back.
    for v_owing in
        with recursive ancestors as (
            select
                l.lot_id,
                l.origin_lot_id,
                l.grant_transaction_id,
                l.revoked_owed
            from jsonb_to_recordset(p_returned) as r (lot_id uuid)
            inner join credits.credit_lots as l on r.lot_id = l.lot_id
            where l.user_id = p_user.user_id
            union
            select
                l.lot_id,
                l.origin_lot_id,
                l.grant_transaction_id,
                l.revoked_owed
            from ancestors as a
            inner join credits.credit_lots as l on a.origin_lot_id = l.lot_id
            where l.user_id = p_user.user_id
        )
        select
            a.lot_id,
            a.grant_transaction_id,
            a.revoked_owed
        from ancestors as a
        where a.revoked_owed > 0
        order by a.lot_id
    loop
        v_recovered := credits_internal.take_credits(
            p_user_id => p_user.user_id,
            p_credits => v_owing.revoked_owed,
            p_family_of => v_owing.lot_id
        );

        if v_recovered is not null then
            v_at := credits_internal.next_entry_at(p_now, v_user.last_entry_at);
            v_user := credits_internal.write_entry(
                p_user => v_user,
                p_transaction_id => credits_internal.uuid_v7(v_at),
                p_at => v_at,
                p_transaction_type => 'revocation',
                p_allocations => v_recovered,
                p_credits => credits_internal.allocated(v_recovered),
                p_revocation_of => v_owing.grant_transaction_id
            );
            perform credits_internal.book_recovered(
                p_user_id => p_user.user_id,
                p_lot_id => v_owing.lot_id,
                p_credits => -credits_internal.allocated(v_recovered)
            );
        end if;
    end loop;

    return v_user;
end
$collect_owed$;

comment on function credits_internal.collect_owed is
'Follow a refund into revoked lots with a revocation of min(returned, owed).';

revoke all on function credits_internal.collect_owed from public;

-- procedures/internal/content_digest.sql

-- The part of a ledger row's hash that stands for what can be redacted.

create or replace function credits_internal.content_digest(
    p_reason text,
    p_metadata jsonb
)
returns bytea
language sql
stable
parallel safe
security invoker
as $content_digest$
    select pg_catalog.sha256(
        pg_catalog.convert_to(
            pg_catalog.json_build_array(p_reason, p_metadata::text)::text,
            'UTF8'
        )
    )
$content_digest$;

comment on function credits_internal.content_digest is
'sha256 over the UTF-8 text that json_build_array(reason, metadata::text) prints.';

revoke all on function credits_internal.content_digest from public;

-- procedures/internal/deduct.sql

-- Take credits from a user, whose arguments are good: the hot path of everything.
--
-- Errors: PT409 idempotency_conflict, PT403 account_frozen, PT402 insufficient_credits.

create or replace function credits_internal.deduct(
    p_user_id uuid,
    p_credits bigint,
    p_reason text,
    p_idempotency_key text,
    p_cost_usd numeric,
    p_metadata jsonb,
    p_generation_id uuid default null
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $deduct$
declare
    v_cost_usd numeric(18, 6);
    v_user record;
    v_at timestamptz;
    v_is_usual boolean;
    v_transaction_id uuid;
    v_allocations jsonb;
    v_digest bytea;
    v_hash bytea;
begin
    -- A lock of its own, although a guarded update would lock, too: whoever waits for a busy user
    -- then has only this small statement to do again.
    select
        u.balance,
        u.last_seq,
        u.ledger_head,
        u.current_lot_id,
        u.current_lot_remaining,
        u.low_balance_threshold,
        u.last_entry_at,
        u.next_expiry_at,
        u.frozen_at,
        u.has_keyed_revocations
    into v_user
    from credits.user_credits as u
    where u.user_id = p_user_id
    for no key update;

    v_cost_usd := p_cost_usd;
    v_at := credits_internal.clock();

    -- The usual case: a new call, and the lot in use holds more than enough. The rest goes the
    -- long way. Two questions, since one that reads a table costs several of those that do not.
    v_is_usual := not coalesce(
        not found
        or v_user.current_lot_remaining <= p_credits
        or v_user.last_entry_at >= v_at
        or v_user.next_expiry_at <= v_at
        or v_user.frozen_at is not null
        or v_user.has_keyed_revocations
        or (
            v_user.balance - p_credits < v_user.low_balance_threshold
            and v_user.balance >= v_user.low_balance_threshold
        ),
        false
    );

    if p_idempotency_key is not null and v_is_usual then
        v_is_usual := not exists (
            select
            from credits.credit_transactions as t
            where
                t.user_id = p_user_id
                and t.idempotency_key = p_idempotency_key
        );
    end if;

    if not v_is_usual then
        return credits_internal.deduct_locked(
            p_user_id => p_user_id,
            p_credits => p_credits,
            p_reason => p_reason,
            p_idempotency_key => p_idempotency_key,
            p_cost_usd => v_cost_usd,
            p_metadata => p_metadata,
            p_generation_id => p_generation_id
        );
    end if;

    v_transaction_id := credits_internal.uuid_v7(v_at);
    v_allocations := jsonb_build_array(
        credits_internal.allocation(v_user.current_lot_id, -p_credits)
    );
    v_digest := credits_internal.content_digest(p_reason, p_metadata);
    v_hash := credits_internal.entry_hash(
        v_user.ledger_head,
        p_user_id,
        v_transaction_id,
        v_user.last_seq + 1,
        'deduction',
        -p_credits,
        p_credits,
        v_user.balance - p_credits,
        v_allocations,
        null,
        null,
        null,
        p_generation_id,
        v_cost_usd,
        p_idempotency_key,
        v_digest,
        v_at
    );

    update credits.user_credits as u
    set
        balance = v_user.balance - p_credits,
        current_lot_remaining = v_user.current_lot_remaining - p_credits,
        last_seq = v_user.last_seq + 1,
        last_entry_at = v_at,
        ledger_head = v_hash
    where u.user_id = p_user_id;

    update credits.credit_lots as l
    set remaining = l.remaining - p_credits
    where
        l.user_id = p_user_id
        and l.lot_id = v_user.current_lot_id;

    insert into credits.credit_transactions (
        user_id,
        transaction_id,
        seq,
        credits,
        requested_credits,
        balance_after,
        created_at,
        transaction_type,
        generation_id,
        cost_usd,
        allocations,
        reason,
        idempotency_key,
        metadata,
        content_digest,
        entry_hash
    )
    values (
        p_user_id,
        v_transaction_id,
        v_user.last_seq + 1,
        -p_credits,
        p_credits,
        v_user.balance - p_credits,
        v_at,
        'deduction',
        p_generation_id,
        v_cost_usd,
        v_allocations,
        p_reason,
        p_idempotency_key,
        p_metadata,
        v_digest,
        v_hash
    );

    return row(v_transaction_id, p_user_id, -p_credits, v_user.balance - p_credits, false);
end
$deduct$;

comment on function credits_internal.deduct is
'Take credits for a call of deduct_user_credits, or for a generation.';

revoke all on function credits_internal.deduct from public;

-- procedures/internal/deduct_locked.sql

-- Take credits from a user the long way: lock first, then replay, expire, judge, burn and write.
--
-- Errors: PT409 idempotency_conflict, PT403 account_frozen, PT402 insufficient_credits.

create or replace function credits_internal.deduct_locked(
    p_user_id uuid,
    p_credits bigint,
    p_reason text,
    p_idempotency_key text,
    p_cost_usd numeric,
    p_metadata jsonb,
    p_generation_id uuid
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $deduct_locked$
declare
    v_user credits.user_credits;
    v_prior credits_internal.stored_request;
    v_now timestamptz;
    v_at timestamptz;
    v_transaction_id uuid;
begin
    v_user := credits_internal.lock_user(p_user_id);
    v_prior := credits_internal.find_request(
        p_user_id => p_user_id,
        p_has_keyed_revocations => v_user.has_keyed_revocations,
        p_idempotency_key => p_idempotency_key,
        p_transaction_type => 'deduction',
        p_credits => p_credits
    );

    if v_prior.credits is not null then
        return row(
            v_prior.transaction_id,
            p_user_id,
            v_prior.credits,
            credits_internal.spendable_credits(p_user_id),
            true
        );
    end if;

    v_now := credits_internal.clock();
    v_user := credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);

    if v_user.frozen_at is not null then
        perform credits_internal.refuse(
            p_sqlstate => 'PT403',
            p_code => 'account_frozen',
            p_message => 'this user may not spend credits',
            p_hint => 'Unfreeze the user with unfreeze_user_credits once the reason is settled.',
            p_figures => jsonb_build_object('reason', v_user.frozen_reason)
        );
    end if;

    -- A user without a row has no credits.
    if coalesce(v_user.balance, 0) < p_credits then
        perform credits_internal.refuse(
            p_sqlstate => 'PT402',
            p_code => 'insufficient_credits',
            p_message => format(
                'the user has %s credits and needs %s', coalesce(v_user.balance, 0), p_credits
            ),
            p_hint => 'Sell or grant the user more credits, then call again.',
            p_figures => jsonb_build_object(
                'balance', coalesce(v_user.balance, 0),
                'required', p_credits
            )
        );
    end if;

    v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
    v_transaction_id := credits_internal.uuid_v7(v_at);
    v_user := credits_internal.write_entry(
        p_user => v_user,
        p_transaction_id => v_transaction_id,
        p_at => v_at,
        p_transaction_type => 'deduction',
        p_allocations => credits_internal.take_credits(
            p_user_id => p_user_id,
            p_credits => p_credits
        ),
        p_credits => -p_credits,
        p_requested_credits => p_credits,
        p_generation_id => p_generation_id,
        p_cost_usd => p_cost_usd,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key,
        p_metadata => p_metadata
    );

    return row(v_transaction_id, p_user_id, -p_credits, v_user.balance, false);
end
$deduct_locked$;

comment on function credits_internal.deduct_locked is
'What credits_internal.deduct does in every case but the usual one.';

revoke all on function credits_internal.deduct_locked from public;

-- procedures/internal/entry_hash.sql

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

-- procedures/internal/epoch_us.sql

-- A point in time as whole microseconds since 1970, exact for every timestamp that we write.
--
-- stable, as date_part is: a function that claims more than its parts is not inlined.

create or replace function credits_internal.epoch_us(
    p_at timestamptz
)
returns bigint
language sql
stable
parallel safe
security invoker
as $epoch_us$
    select (pg_catalog.date_part('epoch', p_at) * 1000000)::bigint
$epoch_us$;

comment on function credits_internal.epoch_us is
'Microseconds since 1970-01-01 00:00 UTC; exact until the year 2106.';

revoke all on function credits_internal.epoch_us from public;

-- procedures/internal/expire_due_lots.sql

-- Write what time has done to a user's lots: one expiry for all that are due, and the rollover that
-- an expired allowance brings.

create or replace function credits_internal.expire_due_lots(
    p_user credits.user_credits,
    p_now timestamptz
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $expire_due_lots$
declare
    v_at constant timestamptz := credits_internal.next_entry_at(p_now, p_user.last_entry_at);
    v_user credits.user_credits := p_user;
    v_allocations jsonb;
    v_credits bigint;
begin
    if v_user.next_expiry_at is null or v_user.next_expiry_at > p_now then
        return v_user;
    end if;

    with due as materialized (
        select
            l.lot_id,
            l.remaining,
            l.expires_at
        from credits.credit_lots as l
        where
            l.user_id = p_user.user_id
            and not l.depleted
            and l.expires_at <= p_now
    ),
    emptied as (
        update credits.credit_lots as l
        set remaining = 0
        from due as d
        where
            l.user_id = p_user.user_id
            and l.lot_id = d.lot_id
    )
    select
        jsonb_agg(
            credits_internal.allocation(d.lot_id, -d.remaining)
            order by d.expires_at, d.lot_id
        ),
        -sum(d.remaining)::bigint
    into v_allocations, v_credits
    from due as d;

    v_user := credits_internal.write_entry(
        p_user => v_user,
        p_transaction_id => credits_internal.uuid_v7(v_at),
        p_at => v_at,
        p_transaction_type => 'expiry',
        p_allocations => v_allocations,
        p_credits => v_credits
    );

    if v_user.plan is not null then
        v_user := credits_internal.roll_over_allowances(
            p_user => v_user,
            p_now => p_now,
            p_expired => v_allocations
        );
    end if;

    return v_user;
end
$expire_due_lots$;

comment on function credits_internal.expire_due_lots is
'Write the due expiries of a locked user and the rollover they bring, and return the user''s row '
'as it is then. Every call that moves credits does this first.';

revoke all on function credits_internal.expire_due_lots from public;

-- procedures/internal/explain_lots.sql

-- The legs of a ledger row, with where each lot came from.

create or replace function credits_internal.explain_lots(
    p_user_id uuid,
    p_allocations jsonb
)
returns jsonb
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $explain_lots$
    select jsonb_agg(
        jsonb_build_object(
            'lot_id', l.lot_id,
            'source', l.source,
            'credits', a.credits,
            'expires_at', credits_internal.utc_text(l.expires_at),
            'unit_price_usd', l.unit_price_usd
        )
        order by a.position
    )
    from rows from (
        jsonb_to_recordset(p_allocations) as (lot_id uuid, credits bigint)
    ) with ordinality as a (lot_id, credits, position)
    inner join credits.credit_lots as l on a.lot_id = l.lot_id
    where l.user_id = p_user_id
$explain_lots$;

comment on function credits_internal.explain_lots is
'Lots, their sources and signed credits, in the order in which they moved.';

revoke all on function credits_internal.explain_lots from public;

-- procedures/internal/failed_turn.sql

-- What a sweep says of a user whom it could not serve, and the alert that goes with it.

create or replace function credits_internal.failed_turn(
    p_task text,
    p_user_id uuid,
    p_generation_id uuid,
    p_error text
)
returns credits.sweep_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $failed_turn$
begin
    perform credits_internal.open_alert(
        p_user_id => p_user_id,
        p_type => 'maintenance_failed',
        p_message => format('%s could not serve a user: %s', p_task, left(p_error, 1000)),
        p_dedup_key => p_task,
        p_generation_id => p_generation_id
    );

    return row(p_user_id, p_generation_id, null, p_error)::credits.sweep_result;
end
$failed_turn$;

comment on function credits_internal.failed_turn is
'Open a maintenance_failed alert for one user''s turn in a sweep, and return the row that names '
'the error.';

revoke all on function credits_internal.failed_turn from public;

-- procedures/internal/find_request.sql

-- What an earlier call of the user under the same idempotency key did.
--
-- Call it under the user's lock, as a statement of its own: a statement that waited for the lock
-- would look into the past.
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

-- procedures/internal/generation_life.sql

-- The life of a generation: what each event does in each status. The one place where it is written.
--
-- outcome: applied = it happens; raises = it happens where more becomes due, else it is a replay;
-- replay = the same again; ignored = it is kept as an event and changes nothing. due: price = the
-- charge less the final price; policy = by refund_policies. Inlined by the planner.

create or replace function credits_internal.generation_life()
returns table (
    status credits.generation_status,
    event credits.generation_event,
    next_status credits.generation_status,
    outcome text,
    due text,
    alert text,
    description text
)
language sql
stable
parallel safe
security invoker
as $generation_life$
    -- The first row's casts make constants of all: nothing is converted when it runs.
    values
        (
            'pending'::credits.generation_status,
            'submitted'::credits.generation_event,
            'processing'::credits.generation_status,
            'applied', null::text, null::text,
            '→ processing'
        ),
        ('pending', 'progress', 'processing', 'applied', null, null, '→ processing'),
        ('pending', 'success', 'succeeded', 'applied', 'price', null, '→ succeeded, settle'),
        ('pending', 'failure', 'failed', 'applied', 'policy', null, '→ failed, settle by policy'),
        ('pending', 'cancel', 'cancelled', 'applied', 'policy', null, '→ cancelled, 100 %'),
        (
            'pending', 'deadline', 'timed_out', 'applied', 'policy', null,
            '→ timed_out, by `timeout`'
        ),
        (
            'processing', 'submitted', 'processing', 'replay', null, null,
            'same id: replay; other id: PT409'
        ),
        ('processing', 'progress', 'processing', 'ignored', null, null, 'event only'),
        ('processing', 'success', 'succeeded', 'applied', 'price', null, '→ succeeded, settle'),
        (
            'processing', 'failure', 'failed', 'applied', 'policy', null,
            '→ failed, settle by policy'
        ),
        (
            'processing', 'cancel', 'cancelled', 'applied', 'policy', null,
            '→ cancelled, by `user_cancelled`'
        ),
        (
            'processing', 'deadline', 'timed_out', 'applied', 'policy', null,
            '→ timed_out, by `timeout`'
        ),
        (
            'succeeded', 'submitted', 'succeeded', 'ignored', null, null,
            'mapping stored, not applied'
        ),
        ('succeeded', 'progress', 'succeeded', 'ignored', null, null, 'event only'),
        (
            'succeeded', 'success', 'succeeded', 'raises', 'price', null,
            'lower final price: difference back (applied); else replay'
        ),
        (
            'succeeded', 'failure', 'succeeded', 'ignored', null, 'conflicting_failure',
            'not applied; alert `conflicting_failure`'
        ),
        ('succeeded', 'cancel', 'succeeded', 'ignored', null, null, 'not applied'),
        ('failed', 'submitted', 'failed', 'ignored', null, null, 'mapping stored, not applied'),
        ('failed', 'progress', 'failed', 'ignored', null, null, 'event only'),
        (
            'failed', 'success', 'failed', 'ignored', null, 'late_success_after_refund',
            'not applied; cost booked; alert `late_success_after_refund`'
        ),
        ('failed', 'failure', 'failed', 'replay', null, null, 'replay'),
        ('failed', 'cancel', 'failed', 'ignored', null, null, 'not applied'),
        (
            'timed_out', 'submitted', 'timed_out', 'ignored', null, null,
            'mapping stored, not applied'
        ),
        ('timed_out', 'progress', 'timed_out', 'ignored', null, null, 'event only'),
        (
            'timed_out', 'success', 'timed_out', 'ignored', null, 'late_success_after_refund',
            'not applied; cost booked; alert `late_success_after_refund`'
        ),
        ('timed_out', 'failure', 'timed_out', 'replay', null, null, 'replay'),
        ('timed_out', 'cancel', 'timed_out', 'ignored', null, null, 'not applied'),
        (
            'cancelled', 'submitted', 'cancelled', 'ignored', null, null,
            'mapping stored, not applied'
        ),
        ('cancelled', 'progress', 'cancelled', 'ignored', null, null, 'event only'),
        (
            'cancelled', 'success', 'cancelled', 'ignored', null, 'late_success_after_refund',
            'not applied; cost booked; alert if refunded'
        ),
        (
            'cancelled', 'failure', 'cancelled', 'raises', 'policy', null,
            'more due by the failure''s policy: the difference back, its error replaces '
            '`user_cancelled` (applied); else replay'
        ),
        ('cancelled', 'cancel', 'cancelled', 'replay', null, null, 'replay')
$generation_life$;

comment on function credits_internal.generation_life is
'What each event does to a generation in each status; nothing is listed for a deadline that passes '
'once it has finished.';

revoke all on function credits_internal.generation_life from public;

-- procedures/internal/generation_result.sql

-- A generation as every public function shows it.

create or replace function credits_internal.generation_result(
    p_user_id uuid,
    p_generation_id uuid,
    p_applied boolean,
    p_replayed boolean
)
returns credits.generation_result
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $generation_result$
declare
    v_state record;
begin
    select
        g.status,
        g.credits_charged,
        coalesce(r.refunded, 0) as refunded,
        u.balance,
        u.next_expiry_at
    into v_state
    from credits.generations as g
    inner join credits.user_credits as u on g.user_id = u.user_id
    left join credits.refund_totals as r
        on
            g.user_id = r.user_id
            and g.charge_transaction_id = r.transaction_id
    where
        g.user_id = p_user_id
        and g.generation_id = p_generation_id;

    if not found then
        perform credits_internal.refuse_generation(p_generation_id);
    end if;

    return row(
        p_generation_id,
        p_user_id,
        v_state.status,
        v_state.credits_charged,
        v_state.refunded,
        v_state.status in ('failed', 'cancelled', 'timed_out') and v_state.refunded > 0,
        case
            when v_state.next_expiry_at <= credits_internal.clock()
                then credits_internal.spendable_credits(p_user_id)
            else v_state.balance
        end,
        p_applied,
        p_replayed
    )::credits.generation_result;
end
$generation_result$;

comment on function credits_internal.generation_result is
'The generation, what came back of its price, and the spendable balance, as of now; refuses with '
'PT404 where there is none.';

revoke all on function credits_internal.generation_result from public;

-- procedures/internal/get_transaction.sql

-- Find one ledger row of a user.
--
-- Errors: PT404 transaction_not_found.

create or replace function credits_internal.get_transaction(
    p_user_id uuid,
    p_transaction_id uuid
)
returns credits.credit_transactions
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $get_transaction$
declare
    v_transaction credits.credit_transactions;
begin
    select t.*
    into v_transaction
    from credits.credit_transactions as t
    where
        t.user_id = p_user_id
        and t.transaction_id = p_transaction_id;

    if not found then
        perform credits_internal.refuse(
            p_sqlstate => 'PT404',
            p_code => 'transaction_not_found',
            p_message => 'this user has no such transaction',
            p_hint => 'Pass the transaction_id and the user_id that one call returned together.',
            p_figures => jsonb_build_object('transaction_id', p_transaction_id)
        );
    end if;

    return v_transaction;
end
$get_transaction$;

comment on function credits_internal.get_transaction is
'The ledger row of this user with this id; refuses with PT404 where there is none.';

revoke all on function credits_internal.get_transaction from public;

-- procedures/internal/give_back.sql

-- Put refunded credits into the lots that they were taken from; where a lot has expired meanwhile,
-- into a fresh one that lives as long as the credits still had.

create or replace function credits_internal.give_back(
    p_charge credits.credit_transactions,
    p_transaction_id uuid,
    p_now timestamptz,
    p_at timestamptz,
    p_credits bigint,
    p_refunded bigint
)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $give_back$
declare
    v_leg record;
    v_lot_id uuid;
    v_allocations jsonb := '[]'::jsonb;
begin
    -- The usual case: one lot paid, and is still there.
    if jsonb_array_length(p_charge.allocations) = 1 then
        v_lot_id := p_charge.allocations #>> '{0,lot_id}';

        update credits.credit_lots as l
        set remaining = l.remaining + p_credits
        where
            l.user_id = p_charge.user_id
            and l.lot_id = v_lot_id
            and (l.expires_at is null or l.expires_at > p_now);

        if found then
            return jsonb_build_array(credits_internal.allocation(v_lot_id, p_credits));
        end if;
    end if;

    -- Earlier refunds have used up the end of the charge's legs: laid end to end from the last to
    -- the first, this refund is the stretch that follows them.
    for v_leg in
        with legs as (
            select
                a.position,
                a.lot_id,
                -a.credits as taken,
                sum(-a.credits) over (order by a.position desc) as upto
            from rows from (
                jsonb_to_recordset(p_charge.allocations) as (lot_id uuid, credits bigint)
            ) with ordinality as a (lot_id, credits, position)
        ),
        stretches as (
            select
                g.position,
                g.lot_id,
                (
                    least(g.upto, p_refunded + p_credits)
                    - greatest(g.upto - g.taken, p_refunded)
                )::bigint as credits
            from legs as g
        )
        select
            s.credits,
            l.*
        from stretches as s
        inner join credits.credit_lots as l on s.lot_id = l.lot_id
        where
            l.user_id = p_charge.user_id
            and s.credits > 0
        order by s.position desc
    loop
        v_lot_id := v_leg.lot_id;

        if v_leg.expires_at <= p_now then
            -- Several of one refund burn in the order in which they come back, not by chance.
            v_lot_id := credits_internal.uuid_v7(
                p_at + jsonb_array_length(v_allocations) * interval '1 microsecond'
            );

            insert into credits.credit_lots (
                user_id,
                lot_id,
                granted,
                remaining,
                expires_at,
                created_at,
                grant_transaction_id,
                origin_lot_id,
                renewable_until,
                priority,
                source,
                unit_price_usd
            )
            select
                p_charge.user_id,
                v_lot_id,
                v_leg.credits,
                v_leg.credits,
                -- As long as they still had when they were taken, an hour at least, the grace
                -- period at most; and however often that is repeated, not past the grace period
                -- of the first time.
                least(
                    p_now + greatest(
                        least(
                            make_interval(secs => extract(
                                epoch from v_leg.expires_at - p_charge.created_at
                            )::double precision),
                            g.grace
                        ),
                        interval '1 hour'
                    ),
                    v_leg.renewable_until
                ),
                p_at,
                p_transaction_id,
                case when v_leg.source = 'refund' then v_leg.origin_lot_id else v_leg.lot_id end,
                coalesce(v_leg.renewable_until, p_now + g.grace),
                v_leg.priority,
                'refund',
                v_leg.unit_price_usd
            from (
                -- In seconds: a day of 23 or 25 hours must not change it.
                select make_interval(
                    secs => extract(epoch from s.refund_grace)::double precision
                ) as grace
                from credits.settings as s
            ) as g;
        else
            update credits.credit_lots as l
            set remaining = l.remaining + v_leg.credits
            where
                l.user_id = p_charge.user_id
                and l.lot_id = v_leg.lot_id;
        end if;

        v_allocations := v_allocations
            || credits_internal.allocation(v_lot_id, v_leg.credits);
    end loop;

    return v_allocations;
end
$give_back$;

comment on function credits_internal.give_back is
'Return so many credits of a deduction to its lots in reverse order, and return the allocations. '
'Expired lots get a fresh one with the same price, priority and origin.';

revoke all on function credits_internal.give_back from public;

-- procedures/internal/grant_allowance.sql

-- Grant one locked user what the plan brings this month and was not granted yet.
--
-- Errors: PT422 invalid_argument where the balance would pass its limit.

create or replace function credits_internal.grant_allowance(
    p_user credits.user_credits,
    p_now timestamptz,
    p_month date,
    p_month_end timestamptz
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $grant_allowance$
declare
    v_granted constant bigint := case
        when p_user.allowance_month = p_month then p_user.allowance_credits else 0
    end;
    v_monthly bigint;
    v_user credits.user_credits;
    v_at timestamptz;
begin
    select p.monthly_credits
    into v_monthly
    from credits.plans as p
    where p.plan = p_user.plan;

    -- A later month than this one can stand there after a change of the time zone.
    if not found or p_user.allowance_month > p_month or v_monthly <= v_granted then
        return null;
    end if;

    v_user := credits_internal.expire_due_lots(p_user => p_user, p_now => p_now);
    v_at := credits_internal.next_entry_at(p_now, v_user.last_entry_at);

    perform credits_internal.add_lot(
        p_user => v_user,
        p_transaction_id => credits_internal.uuid_v7(v_at),
        p_at => v_at,
        p_credits => v_monthly - v_granted,
        p_source => 'allowance',
        p_expires_at => p_month_end,
        p_priority => 100,
        p_unit_price_usd => null,
        p_reason => format('allowance of plan %s for %s', p_user.plan, to_char(p_month, 'YYYY-MM')),
        -- A second line against granting a month twice: the key is unique.
        p_idempotency_key => format(
            'pgcredits:allowance:%s:%s', to_char(p_month, 'YYYY-MM'), v_monthly
        )
    );

    update credits.user_credits as u
    set
        allowance_month = p_month,
        allowance_credits = v_monthly,
        updated_at = v_at
    where u.user_id = p_user.user_id;

    return v_monthly - v_granted;
end
$grant_allowance$;

comment on function credits_internal.grant_allowance is
'Grant the plan''s monthly_credits less what was granted for this month, and return how much; null '
'where nothing is due.';

revoke all on function credits_internal.grant_allowance from public;

-- procedures/internal/import_balances.sql

-- Bring balances of an older system over: each becomes a lot, granted by the ledger's first rows.
--
-- Many users in one statement, since an older system stands still meanwhile. Errors: PT422
-- invalid_argument where an expiry has passed or a balance is too large.

create or replace function credits_internal.import_balances(
    p_rows credits.imported_balances[]
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $import_balances$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_new credits.imported_balances[];
    v_known credits.imported_balances[];
    v_unknown credits.imported_balances[];
    v_row credits.imported_balances;
    v_grant credits.transaction_result;
begin
    -- Each once, however often it is handed in.
    with added as (
        insert into credits.imported_balances as b (
            user_id,
            source_table,
            source_id,
            bucket,
            imported_at,
            expires_at,
            found,
            granted,
            priority,
            unit_price_usd,
            idempotency_key
        )
        select
            r.user_id,
            r.source_table,
            r.source_id,
            r.bucket,
            v_now,
            r.expires_at,
            r.found,
            r.granted,
            r.priority,
            r.unit_price_usd,
            r.idempotency_key
        from unnest(p_rows) as r
        on conflict (user_id, idempotency_key) do nothing
        returning b as balance
    )

    select array_agg(a.balance)
    into v_new
    from added as a;

    select
        array_agg(
            b order by b.user_id, b.source_table, b.source_id, b.bucket
        ) filter (where u.user_id is not null),
        array_agg(b) filter (where u.user_id is null)
    into v_known, v_unknown
    from unnest(v_new) as b
    left join credits.user_credits as u on b.user_id = u.user_id
    where b.granted > 0;

    -- Whoever is known here already has lots that may be due, limits, and a chain to go on with.
    foreach v_row in array coalesce(v_known, '{}')
    loop
        v_grant := credits.grant_user_credits(
            p_user_id => v_row.user_id,
            p_credits => v_row.granted,
            p_source => 'import',
            p_expires_at => v_row.expires_at,
            p_priority => v_row.priority,
            p_unit_price_usd => v_row.unit_price_usd,
            p_reason => 'opening balance',
            p_idempotency_key => v_row.idempotency_key
        );

        update credits.imported_balances as b
        set transaction_id = v_grant.transaction_id
        where
            b.user_id = v_row.user_id
            and b.idempotency_key = v_row.idempotency_key;
    end loop;

    perform credits_internal.open_imported_accounts(v_unknown);

    return coalesce(cardinality(v_new), 0);
end
$import_balances$;

comment on function credits_internal.import_balances is
'Note balances of an older system and grant them; returns how many were new. Safe to repeat.';

revoke all on function credits_internal.import_balances from public;

-- procedures/internal/import_history.sql

-- Keep rows of an older system's history, as a memo: no balance moves.

create or replace function credits_internal.import_history(
    p_rows credits.imported_history[]
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $import_history$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_imported bigint;
begin
    insert into credits.imported_history as h (
        user_id,
        source_table,
        source_id,
        occurred_at,
        imported_at,
        credits,
        cost_usd,
        kind,
        reference,
        original
    )
    select
        r.user_id,
        r.source_table,
        r.source_id,
        r.occurred_at,
        v_now,
        r.credits,
        r.cost_usd,
        r.kind,
        r.reference,
        r.original
    from unnest(p_rows) as r
    -- Copied before, and changed since; what was redacted stays so.
    on conflict (user_id, source_table, source_id) do update
    set
        occurred_at = excluded.occurred_at,
        imported_at = excluded.imported_at,
        credits = excluded.credits,
        cost_usd = excluded.cost_usd,
        kind = excluded.kind,
        reference = excluded.reference,
        original = excluded.original
    where
        h.redacted_at is null
        and h.original is distinct from excluded.original;

    get diagnostics v_imported = row_count;

    return v_imported;
end
$import_history$;

comment on function credits_internal.import_history is
'Keep rows of an older system''s history; returns how many were new or had changed. Safe to '
'repeat.';

revoke all on function credits_internal.import_history from public;

-- procedures/internal/import_key.sql

-- The idempotency key of what came over from a row of an older system.

create or replace function credits_internal.import_key(
    p_source_table text,
    p_source_id text
)
returns text
language sql
immutable
parallel safe
security invoker
as $import_key$
    select
        'legacy:' || p_source_table || ':'
        -- A key has 200 characters at most, and a bucket may follow.
        || case when length(p_source_id) > 36 then md5(p_source_id) else p_source_id end
$import_key$;

comment on function credits_internal.import_key is
'legacy:<table>:<id>; an id that is longer than a uuid by its md5.';

revoke all on function credits_internal.import_key from public;

-- procedures/internal/import_plans.sql

-- Put users of an older system on plans.
--
-- Whoever was given this month's credits there gets the next ones next month. Whose turn would have
-- come within this month gets them from here, with the next maintenance.

create or replace function credits_internal.import_plans(
    p_users uuid[],
    p_plans text[],
    p_next_resets timestamptz[]
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $import_plans$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_imported bigint;
begin
    insert into credits.user_credits as u (
        user_id,
        plan,
        allowance_month,
        allowance_credits,
        low_balance_threshold,
        created_at,
        updated_at
    )
    select distinct on (i.user_id)
        i.user_id,
        p.plan,
        case
            when credits_internal.month_of(i.next_reset_at) > credits_internal.month_of(v_now)
                then credits_internal.month_of(v_now)
            else '1970-01-01'
        end,
        p.monthly_credits,
        s.default_low_balance_threshold,
        v_now,
        v_now
    from unnest(p_users, p_plans, p_next_resets) as i (user_id, plan, next_reset_at)
    inner join credits.plans as p on i.plan = p.plan
    cross join credits.settings as s
    -- Always in one order, since more than one user is locked.
    order by i.user_id, p.monthly_credits desc
    on conflict (user_id) do update
    set
        plan = excluded.plan,
        allowance_month = excluded.allowance_month,
        allowance_credits = excluded.allowance_credits,
        updated_at = excluded.updated_at
    -- Who has a plan here was put on it by somebody.
    where u.plan is null;

    get diagnostics v_imported = row_count;

    return v_imported;
end
$import_plans$;

comment on function credits_internal.import_plans is
'Put each of these users on the plan beside; returns how many that were. p_next_resets: when the '
'older system would have given the next credits; apply_monthly_allowances gives them if that is '
'this month. Who has a plan keeps it. Safe to repeat.';

revoke all on function credits_internal.import_plans from public;

-- procedures/internal/import_tasks.sql

-- Bring tasks of an older system over: each becomes a generation.
--
-- What was settled there has no charge here. A task that is in flight, or that failed and was not
-- given back in full, gets one, paid by a lot of its own: its user's balance stays as it is, and a
-- refund of it names a deduction. What is owed waits for a person: settle_owed_refunds pays it.
--
-- Errors: PT422 invalid_argument where a balance would pass its limit.

create or replace function credits_internal.import_tasks(
    p_tasks credits_internal.imported_task[]
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $import_tasks$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_tasks credits_internal.imported_task[];
    v_imported bigint;
begin
    -- Always in one order, since more than one user is locked.
    perform
    from credits.user_credits as u
    where
        u.user_id in (
            select t.user_id
            from unnest(p_tasks) as t
        )
    order by u.user_id
    for no key update;

    v_tasks := array(
        select credits_internal.judge_imported_task(t)
        from unnest(p_tasks) as t
        where
            not exists (
                select
                from credits.generations as g
                where
                    g.user_id = t.user_id
                    and g.generation_id = t.generation_id
            )
        order by t.user_id, t.generation_id
    );

    for v_i in 1..cardinality(v_tasks)
    loop
        if (v_tasks[v_i]).credits_to_charge > 0 then
            v_tasks[v_i].charge_transaction_id := credits_internal.charge_imported_task(
                v_tasks[v_i]
            );
        end if;
    end loop;

    -- An old system may have given one task of the provider's to two of its own: the first has it.
    insert into credits.provider_tasks (
        provider,
        provider_task_id,
        user_id,
        generation_id,
        created_at
    )
    select
        t.provider,
        t.provider_task_id,
        t.user_id,
        t.generation_id,
        v_now
    from unnest(v_tasks) as t
    where t.provider_task_id is not null
    on conflict (provider, provider_task_id) do nothing;

    insert into credits.generations (
        user_id,
        generation_id,
        charge_transaction_id,
        credits_charged,
        refund_due_credits,
        created_at,
        deadline_at,
        submitted_at,
        finished_at,
        refund_owed_since,
        owed_review,
        last_event_no,
        status,
        cost_usd,
        provider,
        generation_type,
        provider_task_id,
        error_type,
        error_message,
        metadata
    )
    select
        t.user_id,
        t.generation_id,
        t.charge_transaction_id,
        t.credits_to_charge,
        t.credits_owed,
        t.created_at,
        coalesce(t.finished_at, v_now + s.default_generation_timeout),
        case when t.status <> 'pending' then t.created_at end,
        t.finished_at,
        case when t.credits_owed > 0 then v_now end,
        t.credits_owed > 0,
        1,
        t.status,
        credits_internal.known_usd(t.cost_usd),
        t.provider,
        t.generation_type,
        p.provider_task_id,
        t.error_type,
        left(t.error_message, 1000),
        jsonb_build_object(
            'imported',
            jsonb_build_object(
                'table', t.source_table,
                'id', t.source_id,
                'credits_charged', t.credits_charged,
                'credits_refunded', t.credits_refunded
            )
        )
    from unnest(v_tasks) as t
    cross join credits.settings as s
    left join credits.provider_tasks as p
        on
            t.provider = p.provider
            and t.provider_task_id = p.provider_task_id
            and t.user_id = p.user_id
            and t.generation_id = p.generation_id;

    get diagnostics v_imported = row_count;

    insert into credits.generation_events (
        user_id,
        generation_id,
        event_no,
        event,
        status_before,
        applied,
        is_callback,
        created_at,
        credits,
        cost_usd,
        error_type,
        code,
        message,
        payload
    )
    select
        t.user_id,
        t.generation_id,
        1,
        case t.status
            when 'succeeded' then 'success'
            when 'failed' then 'failure'
            when 'cancelled' then 'cancel'
            when 'timed_out' then 'deadline'
            else 'started'
        end::credits.generation_event,
        case when t.finished_at is not null then 'processing'::credits.generation_status end,
        true,
        false,
        v_now,
        t.credits_to_charge,
        credits_internal.known_usd(t.cost_usd),
        t.error_type,
        'imported',
        left(t.error_message, 1000),
        '{}'
    from unnest(v_tasks) as t;

    return v_imported;
end
$import_tasks$;

comment on function credits_internal.import_tasks is
'Make generations of tasks of an older system; returns how many were new. Safe to repeat.';

revoke all on function credits_internal.import_tasks from public;

-- procedures/internal/judge_imported_task.sql

-- What a task of an older system is to be charged here, and what its user is owed of that.
--
-- By refund_policies, as for a failure of today; less what came back there.

create or replace function credits_internal.judge_imported_task(
    p_task credits_internal.imported_task
)
returns credits_internal.imported_task
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $judge_imported_task$
declare
    v_task credits_internal.imported_task := p_task;
    v_kept constant bigint := greatest(0, p_task.credits_charged - p_task.credits_refunded);
    v_percent numeric;
begin
    v_task.credits_to_charge := 0;
    v_task.credits_owed := 0;

    if p_task.finished_at is null then
        v_task.credits_to_charge := v_kept;
    elsif p_task.status <> 'succeeded' and v_kept > 0 then
        select p.refund_percent
        into v_percent
        from credits.refund_policies as p
        where p.error_type in (p_task.error_type, '*')
        order by p.error_type = '*'
        limit 1;

        -- Rounding favours the user.
        v_task.credits_owed := greatest(
            0,
            ceil(p_task.credits_charged * coalesce(v_percent, 100) / 100)
            - p_task.credits_refunded
        );

        if v_task.credits_owed > 0 then
            v_task.credits_to_charge := v_kept;
        end if;
    end if;

    return v_task;
end
$judge_imported_task$;

comment on function credits_internal.judge_imported_task is
'The same task, with credits_to_charge and credits_owed.';

revoke all on function credits_internal.judge_imported_task from public;

-- procedures/internal/known_usd.sql

-- An amount of US dollars as somebody reported it, or null where it makes no sense.

create or replace function credits_internal.known_usd(
    p_usd numeric
)
returns numeric
language sql
immutable
parallel safe
security invoker
as $known_usd$
    -- NaN and Infinity sort above every number.
    select case when p_usd >= 0 and p_usd < 999999999.9999995 then p_usd end
$known_usd$;

comment on function credits_internal.known_usd is
'The amount where the ledger can hold it, else null.';

revoke all on function credits_internal.known_usd from public;

-- procedures/internal/legacy_credits.sql

-- Credits of ours for an amount of an older system, whose unit may be several.
--
-- Errors: PT422 invalid_argument where it is no whole number of credits.

create or replace function credits_internal.legacy_credits(
    p_amount numeric,
    p_credits_per_unit integer
)
returns bigint
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $legacy_credits$
declare
    v_credits constant numeric := p_amount * p_credits_per_unit;
begin
    if v_credits <> trunc(v_credits) or abs(v_credits) > 9e15 then
        perform credits_internal.refuse_argument(
            'amount',
            p_amount::text,
            'is no whole number of credits',
            format('Pass a multiple of 1/%s.', p_credits_per_unit)
        );
    end if;

    return v_credits;
end
$legacy_credits$;

comment on function credits_internal.legacy_credits is
'Credits of ours for an amount of an older system; null for null. Errors: PT422 invalid_argument '
'where that is no whole number.';

revoke all on function credits_internal.legacy_credits from public;

-- procedures/internal/legacy_refund_key.sql

-- The idempotency key of a refund that a call site of an older system asks for.

create or replace function credits_internal.legacy_refund_key(
    p_reference text
)
returns text
language sql
immutable
parallel safe
security invoker
as $legacy_refund_key$
    select 'legacy-refund:' || md5(p_reference)
$legacy_refund_key$;

comment on function credits_internal.legacy_refund_key is
'legacy-refund:<md5 of what it names>; null where it names nothing.';

revoke all on function credits_internal.legacy_refund_key from public;

-- procedures/internal/lock_alert.sql

-- Lock one alert.
--
-- Errors: PT422 invalid_argument, PT404 alert_not_found.

create or replace function credits_internal.lock_alert(
    p_user_id uuid,
    p_alert_id uuid
)
returns credits.system_alerts
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_alert$
declare
    v_alert credits.system_alerts;
begin
    if p_user_id is null or p_alert_id is null then
        perform credits_internal.refuse_argument(
            case when p_user_id is null then 'p_user_id' else 'p_alert_id' end,
            null,
            'is null',
            'Pass the user_id and the alert_id of one row of system_alerts.'
        );
    end if;

    select a.*
    into v_alert
    from credits.system_alerts as a
    where
        a.user_id = p_user_id
        and a.alert_id = p_alert_id
    for no key update;

    if not found then
        perform credits_internal.refuse(
            p_sqlstate => 'PT404',
            p_code => 'alert_not_found',
            p_message => 'there is no such alert',
            p_hint => 'Pass the user_id and the alert_id of one row of system_alerts; the user of '
                'an alert about the platform is the nil uuid.',
            p_figures => jsonb_build_object('alert_id', p_alert_id)
        );
    end if;

    return v_alert;
end
$lock_alert$;

comment on function credits_internal.lock_alert is
'Lock one alert and return it; refuses with PT404 where there is none.';

revoke all on function credits_internal.lock_alert from public;

-- procedures/internal/lock_generation.sql

-- Take the locks under which everything about one generation happens: its user's, then its own.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found, 40001 where another transaction
-- changed either since a REPEATABLE READ or SERIALIZABLE one began.

create or replace function credits_internal.lock_generation(
    p_user_id uuid,
    p_generation_id uuid
)
returns credits.generations
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_generation$
declare
    v_generation credits.generations;
begin
    if p_user_id is null or p_generation_id is null then
        perform credits_internal.require_user(p_user_id);
        perform credits_internal.require_generation(p_generation_id);
    end if;

    -- In this order; and as both are once the locks are held, not as they were before the wait.
    v_generation := (
        select g
        from credits.user_credits as u
        cross join credits.generations as g
        where
            u.user_id = p_user_id
            and g.user_id = p_user_id
            and g.generation_id = p_generation_id
        for no key update of u, g
    );

    if v_generation.user_id is null then
        perform credits_internal.refuse_generation(p_generation_id);
    end if;

    return v_generation;
end
$lock_generation$;

comment on function credits_internal.lock_generation is
'Lock a user, then one of the user''s generations, and return it; refuses with PT404 where there '
'is none.';

revoke all on function credits_internal.lock_generation from public;

-- procedures/internal/lock_idle_user.sql

-- For sweeps: lock a user unless somebody is at work there.

create or replace function credits_internal.lock_idle_user(
    p_user_id uuid
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_idle_user$
begin
    perform
    from credits.user_credits as u
    where u.user_id = p_user_id
    for no key update skip locked;

    return found;
end
$lock_idle_user$;

comment on function credits_internal.lock_idle_user is
'Lock a user''s row where that needs no waiting; says whether it did.';

revoke all on function credits_internal.lock_idle_user from public;

-- procedures/internal/lock_task.sql

-- Keep two sessions from handling one task of a provider at once, known to us or not.
--
-- Inlined by the planner, since it stands in the money path.

create or replace function credits_internal.lock_task(
    p_provider text,
    p_provider_task_id text
)
returns void
language sql
volatile
parallel unsafe
security invoker
as $lock_task$
    select pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended(
            'pgcredits:task:' || p_provider || ':' || p_provider_task_id, 0
        )
    )
$lock_task$;

comment on function credits_internal.lock_task is
'Hold this provider''s task until the transaction ends. Always before any user''s row.';

revoke all on function credits_internal.lock_task from public;

-- procedures/internal/lock_user.sql

-- Take the lock under which everything about one user's credits happens: the user's own row.
--
-- Errors: 40001 where another transaction moved the user's credits since a REPEATABLE READ or
-- SERIALIZABLE one began.

create or replace function credits_internal.lock_user(
    p_user_id uuid,
    p_create_missing boolean default false
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_user$
declare
    v_user credits.user_credits;
    v_now timestamptz;
begin
    select u.*
    into v_user
    from credits.user_credits as u
    where u.user_id = p_user_id
    for no key update;

    if found or not p_create_missing then
        return v_user;
    end if;

    -- Two first calls at once: the second waits here for the first, and then locks its row.
    v_now := credits_internal.clock();

    insert into credits.user_credits (user_id, low_balance_threshold, created_at, updated_at)
    select
        p_user_id,
        s.default_low_balance_threshold,
        v_now,
        v_now
    from credits.settings as s
    on conflict (user_id) do nothing;

    select u.*
    into strict v_user
    from credits.user_credits as u
    where u.user_id = p_user_id
    for no key update;

    return v_user;
end
$lock_user$;

comment on function credits_internal.lock_user is
'Lock a user''s row and return it; all null where there is none and none is to be made.';

revoke all on function credits_internal.lock_user from public;

-- procedures/internal/lots_in_burn_order.sql

-- A user's lots that still hold credits, numbered as they are spent.

create or replace function credits_internal.lots_in_burn_order(
    p_user_id uuid
)
returns table (
    burn_order bigint,
    lot_id uuid,
    remaining bigint,
    expires_at timestamptz
)
language sql
stable
parallel safe
security invoker
as $lots_in_burn_order$
    select
        row_number() over burn,
        l.lot_id,
        l.remaining,
        l.expires_at
    from credits.credit_lots as l
    where
        l.user_id = p_user_id
        and not l.depleted
    window burn as (
        order by
            l.priority,
            l.expires_at,
            (l.unit_price_usd is distinct from 0),
            l.created_at,
            l.lot_id
    )
$lots_in_burn_order$;

comment on function credits_internal.lots_in_burn_order is
'Lots with credits, in the order of: priority, soonest expiry, free before paid (unknown counts as '
'paid), oldest. Due lots are among them until their expiry is written.';

revoke all on function credits_internal.lots_in_burn_order from public;

-- procedures/internal/map_task.sql

-- Note which generation a provider's task belongs to.
--
-- Errors: PT409 provider_task_conflict.

create or replace function credits_internal.map_task(
    p_generation credits.generations,
    p_provider_task_id text
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $map_task$
declare
    v_mapped record;
begin
    if p_provider_task_id is null then
        return p_generation.submitted_at is null;
    end if;

    -- Of a finished one every task is noted: each may still be billed.
    if p_generation.finished_at is null
        and p_generation.provider_task_id <> p_provider_task_id
    then
        perform credits_internal.refuse(
            p_sqlstate => 'PT409',
            p_code => 'provider_task_conflict',
            p_message => 'this generation has another task at the provider',
            p_hint => 'Start a new generation for a new task: start_generation with p_retry_of.',
            p_figures => jsonb_build_object(
                'provider_task_id', p_provider_task_id,
                'attached', p_generation.provider_task_id
            )
        );
    end if;

    insert into credits.provider_tasks (
        provider, provider_task_id, user_id, generation_id, created_at
    )
    values (
        p_generation.provider,
        p_provider_task_id,
        p_generation.user_id,
        p_generation.generation_id,
        credits_internal.clock()
    )
    on conflict do nothing;

    if found then
        return true;
    end if;

    select
        t.user_id,
        t.generation_id
    into v_mapped
    from credits.provider_tasks as t
    where
        t.provider = p_generation.provider
        and t.provider_task_id = p_provider_task_id;

    if v_mapped.user_id is distinct from p_generation.user_id
        or v_mapped.generation_id is distinct from p_generation.generation_id
    then
        perform credits_internal.refuse(
            p_sqlstate => 'PT409',
            p_code => 'provider_task_conflict',
            p_message => 'this task of the provider belongs to another generation',
            p_hint => 'Attach each task to the one generation that it was created for.',
            p_figures => jsonb_build_object('provider_task_id', p_provider_task_id)
        );
    end if;

    return false;
end
$map_task$;

comment on function credits_internal.map_task is
'Note the task of a locked generation; says whether that is new. Null says only that the provider '
'has it.';

revoke all on function credits_internal.map_task from public;

-- procedures/internal/month_end.sql

-- When the calendar month of a point in time ends, in the business time zone.

create or replace function credits_internal.month_end(
    p_at timestamptz
)
returns timestamptz
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $month_end$
    select
        (date_trunc('month', p_at at time zone s.business_time_zone) + interval '1 month')
        at time zone s.business_time_zone
    from credits.settings as s
$month_end$;

comment on function credits_internal.month_end is
'The first instant of the next calendar month in the business time zone.';

revoke all on function credits_internal.month_end from public;

-- procedures/internal/month_of.sql

-- The calendar month of a point in time, in the business time zone.

create or replace function credits_internal.month_of(
    p_at timestamptz
)
returns date
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $month_of$
    select date_trunc('month', p_at at time zone s.business_time_zone)::date
    from credits.settings as s
$month_of$;

comment on function credits_internal.month_of is
'The first day of the calendar month in the business time zone.';

revoke all on function credits_internal.month_of from public;

-- procedures/internal/next_entry_at.sql

-- The time of a user's next ledger row: now, but always later than the row before.

create or replace function credits_internal.next_entry_at(
    p_now timestamptz,
    p_last_entry_at timestamptz
)
returns timestamptz
language sql
stable
parallel safe
security invoker
as $next_entry_at$
    select greatest(p_now, p_last_entry_at + interval '1 microsecond')
$next_entry_at$;

comment on function credits_internal.next_entry_at is
'The later of now and the user''s last entry plus a microsecond.';

revoke all on function credits_internal.next_entry_at from public;

-- procedures/internal/note_low_balance.sql

-- Open or resolve the alert of a user whose balance has crossed its threshold.

create or replace function credits_internal.note_low_balance(
    p_user_id uuid,
    p_balance bigint,
    p_threshold bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $note_low_balance$
begin
    if p_balance < p_threshold then
        perform credits_internal.open_alert(
            p_user_id => p_user_id,
            p_type => 'low_balance',
            p_message => format('the user has %s credits left', p_balance),
            p_metadata => jsonb_build_object('balance', p_balance, 'threshold', p_threshold)
        );
    else
        perform credits_internal.close_alert(p_user_id, 'low_balance', '');
    end if;
end
$note_low_balance$;

comment on function credits_internal.note_low_balance is
'Open the low_balance alert of a locked user whose balance is below the threshold, else resolve '
'it.';

revoke all on function credits_internal.note_low_balance from public;

-- procedures/internal/note_refund_failed.sql

-- Note that a refund could not be paid: list it as owed, keep the error, alert.

create or replace function credits_internal.note_refund_failed(
    p_generation credits.generations,
    p_sqlstate text,
    p_message text
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $note_refund_failed$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_message constant text := left(p_message, 1000);
    -- Retries go on for as long as it takes: the same error again is counted by the alert only.
    v_is_news constant boolean := p_generation.refund_owed_since is null
        or v_message is distinct from (
            select e.message
            from credits.generation_events as e
            where
                e.user_id = p_generation.user_id
                and e.generation_id = p_generation.generation_id
                and e.event = 'refund_failed'
            order by e.event_no desc
            limit 1
        );
    v_generation credits.generations;
begin
    update credits.generations as g
    set
        refund_owed_since = coalesce(g.refund_owed_since, v_now),
        refund_tried_at = v_now,
        last_event_no = g.last_event_no + v_is_news::integer
    where
        g.user_id = p_generation.user_id
        and g.generation_id = p_generation.generation_id
    returning g.* into strict v_generation;

    if v_is_news then
        perform credits_internal.write_event(
            p_generation => v_generation,
            p_event => 'refund_failed',
            p_applied => false,
            p_at => v_now,
            p_status_before => p_generation.status,
            p_code => p_sqlstate,
            p_message => v_message
        );
    end if;

    perform credits_internal.open_generation_alert(
        p_generation,
        'refund_failed',
        'a refund could not be paid: ' || v_message,
        jsonb_build_object('sqlstate', p_sqlstate)
    );
end
$note_refund_failed$;

comment on function credits_internal.note_refund_failed is
'Put a locked generation on the list of owed refunds, with the error that kept it from being paid.';

revoke all on function credits_internal.note_refund_failed from public;

-- procedures/internal/note_refund_paid.sql

-- Note that a refund which was owed has been paid.

create or replace function credits_internal.note_refund_paid(
    p_generation credits.generations,
    p_credits bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $note_refund_paid$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_generation credits.generations;
begin
    update credits.generations as g
    set
        refund_owed_since = null,
        owed_review = false,
        last_event_no = g.last_event_no + 1
    where
        g.user_id = p_generation.user_id
        and g.generation_id = p_generation.generation_id
    returning g.* into strict v_generation;

    perform credits_internal.write_event(
        p_generation => v_generation,
        p_event => 'refund_paid',
        p_applied => true,
        p_at => v_now,
        p_status_before => p_generation.status,
        p_credits => p_credits
    );
    perform credits_internal.close_alert(
        p_user_id => p_generation.user_id,
        p_type => 'refund_failed',
        p_dedup_key => p_generation.generation_id::text
    );
end
$note_refund_paid$;

comment on function credits_internal.note_refund_paid is
'Take a locked generation off the list of owed refunds, and resolve its alert.';

revoke all on function credits_internal.note_refund_paid from public;

-- procedures/internal/open_alert.sql

-- Open an alert, or note that an open one came again.

create or replace function credits_internal.open_alert(
    p_user_id uuid,
    p_type text,
    p_message text,
    p_level credits.alert_level default null,
    p_dedup_key text default '',
    p_generation_id uuid default null,
    p_provider text default null,
    p_metadata jsonb default '{}'
)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $open_alert$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_alert_id uuid := credits_internal.uuid_v7(v_now);
    v_rule record;
begin
    select
        r.enabled,
        r.level,
        r.renotify_after
    into v_rule
    from credits.alert_rules as r
    where r.type = p_type;

    if not v_rule.enabled then
        return null;
    end if;

    insert into credits.system_alerts as a (
        user_id,
        alert_id,
        level,
        generation_id,
        created_at,
        first_seen_at,
        last_seen_at,
        notified_at,
        type,
        dedup_key,
        message,
        provider,
        metadata
    )
    values (
        p_user_id,
        v_alert_id,
        coalesce(p_level, v_rule.level, 'warning'),
        p_generation_id,
        v_now,
        v_now,
        v_now,
        v_now,
        p_type,
        p_dedup_key,
        p_message,
        p_provider,
        p_metadata
    )
    on conflict (user_id, type, dedup_key) where resolved_at is null do update
    set
        occurrences = a.occurrences + 1,
        last_seen_at = excluded.last_seen_at,
        -- It escalates, and calms down by being resolved.
        level = greatest(a.level, excluded.level),
        notified_at = case
            when excluded.level > a.level then excluded.notified_at
            when a.acknowledged_at is null
                and a.notified_at + v_rule.renotify_after <= excluded.notified_at
                then excluded.notified_at
            else a.notified_at
        end,
        message = excluded.message,
        metadata = excluded.metadata
    returning a.alert_id into strict v_alert_id;

    return v_alert_id;
end
$open_alert$;

comment on function credits_internal.open_alert is
'Open an alert by the rule of its type, or count it again where one of this user, type and key is '
'open; returns its id, null where the rule is not enabled. p_level: null = the rule''s.';

revoke all on function credits_internal.open_alert from public;

-- procedures/internal/open_conditions.sql

-- Open the alerts that what holds now calls for.

create or replace function credits_internal.open_conditions(
    p_conditions credits_internal.alert_condition[]
)
returns text[]
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $open_conditions$
declare
    v_condition record;
    v_opened text[] := '{}';
begin
    for v_condition in
        select
            c.*,
            a.alert_id
        from unnest(p_conditions) as c
        left join credits.system_alerts as a
            on
                c.user_id = a.user_id
                and c.type = a.type
                and c.dedup_key = a.dedup_key
                and a.resolved_at is null
        -- In one order, so that nobody waits for us who holds what we come to.
        order by
            c.user_id,
            c.type,
            c.dedup_key
    loop
        -- As in check_alerts: who holds an alert must not hold up the others.
        perform
        from credits.system_alerts as a
        where
            a.user_id = v_condition.user_id
            and a.alert_id = v_condition.alert_id
        for no key update skip locked;
        continue when not found and v_condition.alert_id is not null;

        perform credits_internal.open_alert(
            p_user_id => v_condition.user_id,
            p_type => v_condition.type,
            p_message => v_condition.message,
            p_level => v_condition.level,
            p_dedup_key => left(v_condition.dedup_key, 200),
            p_provider => v_condition.provider,
            p_metadata => v_condition.metadata
        );

        if v_condition.alert_id is null then
            v_opened := v_opened || v_condition.type;
        end if;
    end loop;

    return v_opened;
end
$open_conditions$;

comment on function credits_internal.open_conditions is
'Open an alert for each condition, or count it again; returns the types of those that are new.';

revoke all on function credits_internal.open_conditions from public;

-- procedures/internal/open_generation_alert.sql

-- Open an alert about one generation.

create or replace function credits_internal.open_generation_alert(
    p_generation credits.generations,
    p_type text,
    p_message text,
    p_metadata jsonb default '{}'
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $open_generation_alert$
begin
    perform credits_internal.open_alert(
        p_user_id => p_generation.user_id,
        p_type => p_type,
        p_message => p_message,
        p_dedup_key => p_generation.generation_id::text,
        p_generation_id => p_generation.generation_id,
        p_provider => p_generation.provider,
        p_metadata => p_metadata
    );
end
$open_generation_alert$;

comment on function credits_internal.open_generation_alert is
'Open an alert that is one for each generation and type.';

revoke all on function credits_internal.open_generation_alert from public;

-- procedures/internal/open_imported_accounts.sql

-- Write the first rows of many users' ledgers at once: a grant for each balance that came over.
--
-- None of the users has a row here yet. What is written is what grant_user_credits would write, row
-- by row and hash by hash: verify_ledger proves it.
--
-- Errors: 23505 where a user got a row meanwhile.

create or replace function credits_internal.open_imported_accounts(
    p_rows credits.imported_balances[]
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $open_imported_accounts$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_reason constant text := 'opening balance';
    v_digest constant bytea := credits_internal.content_digest(v_reason, '{}');
    v_threshold constant bigint := (
        select s.default_low_balance_threshold
        from credits.settings as s
    );
begin
    with recursive numbered as (
        select
            r.*,
            row_number() over each_user as seq,
            sum(r.granted) over each_user as balance_after,
            v_now + row_number() over each_user * interval '1 microsecond' as at
        from unnest(p_rows) as r
        window each_user as (
            partition by r.user_id
            order by r.source_table, r.source_id, r.bucket
        )
    ),
    identified as materialized (
        select
            n.*,
            credits_internal.uuid_v7(n.at) as grant_id,
            credits_internal.uuid_v7(n.at) as lot_id
        from numbered as n
    ),
    entries as materialized (
        select
            i.*,
            jsonb_build_array(
                credits_internal.allocation(i.lot_id, i.granted)
            ) as allocations
        from identified as i
    ),
    chained as (
        select
            e.user_id,
            e.seq,
            '\x'::bytea as previous,
            e.grant_id,
            credits_internal.entry_hash(
                '\x', e.user_id, e.grant_id, e.seq, 'grant', e.granted, e.granted,
                e.balance_after::bigint, e.allocations, 'import', null, null, null, null,
                e.idempotency_key, v_digest, e.at
            ) as entry_hash
        from entries as e
        where e.seq = 1

        union all

        select
            e.user_id,
            e.seq,
            c.entry_hash,
            e.grant_id,
            credits_internal.entry_hash(
                c.entry_hash, e.user_id, e.grant_id, e.seq, 'grant', e.granted, e.granted,
                e.balance_after::bigint, e.allocations, 'import', null, null, null, null,
                e.idempotency_key, v_digest, e.at
            )
        from chained as c
        inner join entries as e
            on
                c.user_id = e.user_id
                and c.seq + 1 = e.seq
    ),
    hashed as materialized (
        select
            e.*,
            c.entry_hash
        from chained as c
        inner join entries as e on c.grant_id = e.grant_id
    ),
    -- The lot that is spent first: as lots_in_burn_order has it.
    burning as (
        select distinct on (h.user_id)
            h.user_id,
            h.lot_id,
            h.granted,
            min(h.expires_at) over (partition by h.user_id) as next_expiry_at
        from hashed as h
        order by
            h.user_id,
            h.priority,
            h.expires_at,
            (h.unit_price_usd is distinct from 0),
            h.at
    ),
    accounts as (
        insert into credits.user_credits (
            user_id,
            balance,
            last_seq,
            last_entry_at,
            next_expiry_at,
            current_lot_id,
            current_lot_remaining,
            low_balance_threshold,
            created_at,
            updated_at,
            ledger_head
        )
        select distinct on (h.user_id)
            h.user_id,
            h.balance_after,
            h.seq,
            h.at,
            b.next_expiry_at,
            b.lot_id,
            b.granted,
            v_threshold,
            v_now,
            v_now,
            h.entry_hash
        from hashed as h
        inner join burning as b on h.user_id = b.user_id
        order by h.user_id, h.seq desc
    ),
    lots as (
        insert into credits.credit_lots (
            user_id,
            lot_id,
            granted,
            remaining,
            expires_at,
            created_at,
            grant_transaction_id,
            priority,
            source,
            unit_price_usd
        )
        select
            h.user_id,
            h.lot_id,
            h.granted,
            h.granted,
            h.expires_at,
            h.at,
            h.grant_id,
            h.priority,
            'import',
            h.unit_price_usd
        from hashed as h
    ),
    grants as (
        insert into credits.credit_transactions (
            user_id,
            transaction_id,
            seq,
            credits,
            requested_credits,
            balance_after,
            created_at,
            transaction_type,
            source,
            allocations,
            reason,
            idempotency_key,
            metadata,
            content_digest,
            entry_hash
        )
        select
            h.user_id,
            h.grant_id,
            h.seq,
            h.granted,
            h.granted,
            h.balance_after,
            h.at,
            'grant',
            'import',
            h.allocations,
            v_reason,
            h.idempotency_key,
            '{}',
            v_digest,
            h.entry_hash
        from hashed as h
    )

    update credits.imported_balances as b
    set transaction_id = h.grant_id
    from hashed as h
    where
        b.user_id = h.user_id
        and b.idempotency_key = h.idempotency_key;
end
$open_imported_accounts$;

comment on function credits_internal.open_imported_accounts is
'Open the ledgers of users that have none with a grant for each of these balances.';

revoke all on function credits_internal.open_imported_accounts from public;

-- procedures/internal/pay_listed.sql

-- Pay refunds that are on the list of owed ones, user by user.
--
-- Errors: 40001, 40P01.

create or replace function credits_internal.pay_listed(
    p_task text,
    p_limit integer,
    p_under_review boolean
)
returns setof credits.owed_refund
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $pay_listed$
declare
    v_served integer := 0;
    v_next record;
    v_generation credits.generations;
    v_result credits.owed_refund;
begin
    -- More than are to be served, so that busy and broken users do not use up the limit.
    for v_next in
        select
            g.user_id,
            g.generation_id
        from credits.generations as g
        where
            g.refund_owed_since is not null
            and (p_under_review or not g.owed_review)
        order by g.refund_tried_at nulls first
        limit p_limit + 1000::bigint
    loop
        exit when v_served = p_limit;

        -- Busy: the next run looks again.
        continue when not credits_internal.lock_idle_user(v_next.user_id);

        -- One user's failure must not keep the others waiting. The lock stays when it is undone.
        begin
            v_generation := credits_internal.lock_generation(
                v_next.user_id, v_next.generation_id
            );

            -- Paid meanwhile.
            continue when v_generation.refund_owed_since is null;

            v_result := credits_internal.pay_or_owe(v_generation);

            if v_result.error is null then
                v_served := v_served + 1;
            end if;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others then
                perform credits_internal.failed_turn(
                    p_task, v_next.user_id, v_next.generation_id, sqlerrm
                );
                v_result := (
                    v_next.user_id, v_next.generation_id, null, 0, sqlerrm
                )::credits.owed_refund;
        end;

        return next v_result;
    end loop;
end
$pay_listed$;

comment on function credits_internal.pay_listed is
'Pay up to so many owed refunds, those under review only if asked to, for the sweep of this name; '
'a row for each.';

revoke all on function credits_internal.pay_listed from public;

-- procedures/internal/pay_or_owe.sql

-- Pay what is due, or put it on the list of owed refunds: a payment that fails must not undo the
-- settlement that it belongs to.
--
-- Errors: 40001, 40P01.

create or replace function credits_internal.pay_or_owe(
    p_generation credits.generations
)
returns credits.owed_refund
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $pay_or_owe$
declare
    v_owed bigint;
    v_paid bigint := 0;
    v_sqlstate text;
    v_message text;
begin
    begin
        v_paid := credits_internal.pay_owed(p_generation);
        v_owed := v_paid;
    exception
        when serialization_failure or deadlock_detected then
            raise;
        when others then
            get stacked diagnostics
                v_sqlstate = returned_sqlstate,
                v_message = message_text;
            perform credits_internal.note_refund_failed(p_generation, v_sqlstate, v_message);

            v_owed := p_generation.refund_due_credits - coalesce(
                (
                    select r.refunded
                    from credits.refund_totals as r
                    where
                        r.user_id = p_generation.user_id
                        and r.transaction_id = p_generation.charge_transaction_id
                ),
                0
            );
    end;

    return row(
        p_generation.user_id,
        p_generation.generation_id,
        v_owed,
        v_paid,
        v_message
    )::credits.owed_refund;
end
$pay_or_owe$;

comment on function credits_internal.pay_or_owe is
'Pay what a locked generation owes; where that raises, list it as owed, keep the error as an event '
'and open an alert. Says what was owed, what was paid, and the error.';

revoke all on function credits_internal.pay_or_owe from public;

-- procedures/internal/pay_owed.sql

-- Pay what a finished generation's user is still to have back.
--
-- The caller holds the generation's lock. Due less what was refunded: whoever pays, and however
-- often, it comes back once.
--
-- Errors: whatever keeps it from being paid.

create or replace function credits_internal.pay_owed(
    p_generation credits.generations
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $pay_owed$
declare
    v_charge record;
    v_user credits.user_credits;
    v_credits bigint;
    v_now timestamptz;
    v_at timestamptz;
begin
    select
        t as entry,
        coalesce(r.refunded, 0) as refunded
    into strict v_charge
    from credits.credit_transactions as t
    left join credits.refund_totals as r
        on
            t.user_id = r.user_id
            and t.transaction_id = r.transaction_id
    where
        t.user_id = p_generation.user_id
        and t.transaction_id = p_generation.charge_transaction_id;

    v_credits := greatest(0, p_generation.refund_due_credits - v_charge.refunded);

    if v_credits > 0 then
        v_user := credits_internal.lock_user(p_generation.user_id);
        v_now := credits_internal.clock();
        v_user := credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);
        v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
        v_user := credits_internal.pay_refund(
            p_user => v_user,
            p_charge => v_charge.entry,
            p_transaction_id => credits_internal.uuid_v7(v_at),
            p_now => v_now,
            p_at => v_at,
            p_credits => v_credits,
            p_refunded => v_charge.refunded,
            p_reason => coalesce(p_generation.error_type, 'lower final price')
        );
    end if;

    if p_generation.refund_owed_since is not null then
        perform credits_internal.note_refund_paid(p_generation, v_credits);
    end if;

    return v_credits;
end
$pay_owed$;

comment on function credits_internal.pay_owed is
'Refund what a locked generation still owes, and return how much that was; raises where it cannot.';

revoke all on function credits_internal.pay_owed from public;

-- procedures/internal/pay_refund.sql

-- Give back part of a deduction: to the same lots, last taken first given back.
--
-- The caller holds the user's lock, has written the due expiries, and has judged the amount.
--
-- Errors: PT422 invalid_argument where the balance would pass its limit.

create or replace function credits_internal.pay_refund(
    p_user credits.user_credits,
    p_charge credits.credit_transactions,
    p_transaction_id uuid,
    p_now timestamptz,
    p_at timestamptz,
    p_credits bigint,
    p_refunded bigint,
    p_requested_credits bigint default null,
    p_reason text default null,
    p_idempotency_key text default null
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $pay_refund$
declare
    v_user credits.user_credits;
    v_allocations jsonb;
begin
    v_allocations := credits_internal.give_back(
        p_charge => p_charge,
        p_transaction_id => p_transaction_id,
        p_now => p_now,
        p_at => p_at,
        p_credits => p_credits,
        p_refunded => p_refunded
    );

    v_user := credits_internal.write_entry(
        p_user => p_user,
        p_transaction_id => p_transaction_id,
        p_at => p_at,
        p_transaction_type => 'refund',
        p_allocations => v_allocations,
        p_credits => p_credits,
        p_requested_credits => p_requested_credits,
        p_refund_of => p_charge.transaction_id,
        p_generation_id => p_charge.generation_id,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key
    );

    insert into credits.refund_totals as r (
        user_id,
        transaction_id,
        charged,
        refunded,
        last_refund_id
    )
    values (
        p_charge.user_id,
        p_charge.transaction_id,
        -p_charge.credits,
        p_credits,
        p_transaction_id
    )
    on conflict (user_id, transaction_id) do update
    set
        refunded = r.refunded + excluded.refunded,
        last_refund_id = excluded.last_refund_id;

    if exists (
        select
        from credits.revocations as r
        where
            r.user_id = p_charge.user_id
            and r.owed_credits > 0
    ) then
        v_user := credits_internal.collect_owed(
            p_user => v_user,
            p_now => p_now,
            p_returned => v_allocations
        );
    end if;

    -- What came back may have outlived even its grace.
    return credits_internal.expire_due_lots(p_user => v_user, p_now => p_now);
end
$pay_refund$;

comment on function credits_internal.pay_refund is
'Refund so many credits of a deduction, of which p_refunded came back before, to a locked user: '
'lots, ledger row, total, and what an earlier revocation is still owed.';

revoke all on function credits_internal.pay_refund from public;

-- procedures/internal/provider_conditions.sql

-- What about single providers calls for an alert now.

create or replace function credits_internal.provider_conditions(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $provider_conditions$
    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        f.provider,
        case when f.pct > r.threshold * r.critical_factor then 'critical'::credits.alert_level end,
        f.provider,
        format(
            '%s of %s generations of %s that finished within %s failed by its fault: %s %%',
            f.faults,
            f.finished,
            f.provider,
            r.time_window,
            round(f.pct, 1)
        ),
        jsonb_build_object('finished', f.finished, 'faults', f.faults)
    from credits.alert_rules as r
    cross join lateral (
        select
            g.provider,
            count(*) as finished,
            count(*) filter (where g.is_provider_fault) as faults,
            100.0 * count(*) filter (where g.is_provider_fault) / count(*) as pct
        from credits_monitoring.generation_facts as g
        where
            g.finished_at > p_now - r.time_window
            and g.is_finished
        group by g.provider
    ) as f
    where
        r.type = 'provider_failure_rate'
        and r.enabled
        and f.finished >= coalesce(r.min_samples, 1)
        and f.pct > r.threshold

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        f.provider,
        null,
        f.provider,
        format('the last %s generations of %s failed by its fault', f.in_a_row, f.provider),
        jsonb_build_object(
            'in_a_row', f.in_a_row,
            'last_other_at', credits_internal.utc_text(f.last_other_at)
        )
    from credits.alert_rules as r
    cross join lateral (
        select
            g.provider,
            g.last_other_at,
            count(*) as in_a_row
        from (
            select
                w.provider,
                w.finished_at,
                max(w.finished_at) filter (where not w.is_provider_fault)
                    over (partition by w.provider) as last_other_at
            from credits_monitoring.generation_facts as w
            where
                w.finished_at > p_now - r.time_window
                and w.is_finished
        ) as g
        where
            g.last_other_at is null
            or g.finished_at > g.last_other_at
        group by g.provider, g.last_other_at
    ) as f
    where
        r.type = 'provider_down'
        and r.enabled
        and f.in_a_row >= r.threshold

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        f.provider,
        null,
        f.provider,
        format('our account with %s is empty: %s generations refused', f.provider, f.refused),
        jsonb_build_object('generations', f.refused)
    from credits.alert_rules as r
    cross join lateral (
        select
            g.provider,
            count(*) as refused
        from credits_monitoring.generation_facts as g
        where
            g.finished_at > p_now - r.time_window
            and g.is_finished
            and g.error_type = 'provider_out_of_credits'
        group by g.provider
    ) as f
    where
        r.type = 'provider_out_of_credits'
        and r.enabled

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        c.provider,
        null,
        c.provider,
        format(
            '%s callbacks of %s have waited for longer than %s for somebody to attach their task',
            count(*),
            c.provider,
            r.time_window
        ),
        jsonb_build_object(
            'callbacks', count(*),
            'waiting_since', credits_internal.utc_text(min(c.received_at))
        )
    from credits.alert_rules as r
    inner join credits.provider_callbacks as c on c.received_at <= p_now - r.time_window
    where
        r.type = 'callback_unmatched'
        and r.enabled
    group by
        r.type,
        r.time_window,
        c.provider
$provider_conditions$;

comment on function credits_internal.provider_conditions is
'The conditions of provider_failure_rate, provider_down, provider_out_of_credits and '
'callback_unmatched that hold at this time.';

revoke all on function credits_internal.provider_conditions from public;

-- procedures/internal/read_allocations.sql

-- The legs of a ledger row, also of one that was tampered with.

create or replace function credits_internal.read_allocations(
    p_allocations jsonb
)
returns table (
    lot_id text,
    credits numeric
)
language sql
stable
parallel safe
security invoker
as $read_allocations$
    select
        a.leg ->> 'lot_id',
        case
            when pg_catalog.jsonb_typeof(a.leg -> 'credits') = 'number'
                then (a.leg ->> 'credits')::numeric
        end
    from pg_catalog.jsonb_array_elements(
        case
            when pg_catalog.jsonb_typeof(p_allocations) = 'array' then p_allocations
            else '[]'
        end
    ) as a (leg)
$read_allocations$;

comment on function credits_internal.read_allocations is
'Lots and signed credits of allocations, whatever stands there; raises nothing.';

revoke all on function credits_internal.read_allocations from public;

-- procedures/internal/receive_callback.sql

-- Apply a provider's callback to its generation: classify the code, then as any other report.

create or replace function credits_internal.receive_callback(
    p_generation credits.generations,
    p_code text,
    p_message text,
    p_cost_usd numeric,
    p_payload jsonb,
    p_dropped text[] default null
)
returns credits.generation_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $receive_callback$
declare
    v_code constant text := left(btrim(p_code), 500);
    v_meaning record;
    v_now timestamptz;
    v_generation credits.generations;
begin
    select
        c.outcome,
        c.error_type
    into v_meaning
    from credits.provider_error_codes as c
    where
        c.provider in (p_generation.provider, '*')
        and c.code = v_code
    order by c.provider = '*'
    limit 1;

    if found then
        return credits_internal.apply_event(
            p_generation => p_generation,
            p_event => case v_meaning.outcome
                when 'succeeded' then 'success'
                when 'failed' then 'failure'
                else 'progress'
            end::credits.generation_event,
            p_is_callback => true,
            p_error_type => v_meaning.error_type,
            p_code => v_code,
            p_message => p_message,
            p_cost_usd => p_cost_usd,
            p_payload => p_payload,
            p_dropped => p_dropped
        );
    end if;

    v_now := credits_internal.clock();

    update credits.generations as g
    set last_event_no = g.last_event_no + 1
    where
        g.user_id = p_generation.user_id
        and g.generation_id = p_generation.generation_id
    returning g.* into strict v_generation;

    perform credits_internal.write_event(
        p_generation => v_generation,
        p_event => 'unclassified',
        p_applied => false,
        p_at => v_now,
        p_status_before => p_generation.status,
        p_is_callback => true,
        p_cost_usd => credits_internal.known_usd(p_cost_usd),
        p_code => v_code,
        p_message => left(p_message, 1000),
        p_payload => p_payload,
        p_dropped => case
            when p_cost_usd is distinct from credits_internal.known_usd(p_cost_usd)
                then coalesce(p_dropped, '{}') || ('p_cost_usd ' || left(p_cost_usd::text, 100))
            else p_dropped
        end
    );
    perform credits_internal.open_generation_alert(
        v_generation,
        'callback_unclassified',
        format(
            'provider_error_codes has no code %L of %s: nobody knows what became of the task',
            left(v_code, 100),
            p_generation.provider
        )
    );

    return credits_internal.generation_result(
        p_generation.user_id, p_generation.generation_id, false, false
    );
end
$receive_callback$;

comment on function credits_internal.receive_callback is
'Apply one callback to a locked generation by provider_error_codes; an unknown code is kept as an '
'event and alerts.';

revoke all on function credits_internal.receive_callback from public;

-- procedures/internal/refund_conditions.sql

-- What about refunds calls for an alert now.

create or replace function credits_internal.refund_conditions(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refund_conditions$
    -- Those that are open are older than the rule allows.
    select
        a.type,
        a.user_id,
        a.dedup_key,
        'critical'::credits.alert_level,
        a.provider,
        a.message,
        a.metadata
    from credits.alert_rules as r
    inner join credits.system_alerts as a on r.type = a.type
    where
        r.type = 'refund_failed'
        and r.enabled
        and a.resolved_at is null
        and a.first_seen_at <= p_now - r.time_window

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        '',
        null,
        null,
        format('%s refunds have been owed for longer than %s', count(*), r.time_window),
        jsonb_build_object(
            'generations', count(*),
            'owed_since', credits_internal.utc_text(min(g.refund_owed_since))
        )
    from credits.alert_rules as r
    inner join credits.generations as g
        on
            g.refund_owed_since <= p_now - r.time_window
            and not g.owed_review
    where
        r.type = 'refund_overdue'
        and r.enabled
    group by r.type

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        '',
        case
            when f.pct > t.target_pct * r.critical_factor
                then 'critical'::credits.alert_level
        end,
        null,
        format(
            '%s of %s generations that finished within %s were refunded: %s %%, target %s %%',
            f.refunded,
            f.finished,
            r.time_window,
            round(f.pct, 1),
            t.target_pct
        ),
        jsonb_build_object(
            'finished', f.finished, 'refunded', f.refunded, 'target_pct', t.target_pct
        )
    from credits.alert_rules as r
    cross join credits.settings as s
    cross join lateral (select coalesce(r.threshold, s.refund_rate_target_pct) as target_pct) as t
    cross join lateral (
        select
            count(*) as finished,
            count(*) filter (where g.is_refunded) as refunded,
            100.0 * count(*) filter (where g.is_refunded) / nullif(count(*), 0) as pct
        from credits_monitoring.generation_facts as g
        where
            g.finished_at > p_now - r.time_window
            and g.is_finished
    ) as f
    where
        r.type = 'refund_rate_high'
        and r.enabled
        and f.finished >= coalesce(r.min_samples, 1)
        and f.pct > t.target_pct

    union all

    select
        r.type,
        f.user_id,
        '',
        null,
        null,
        format('%s refunds within %s', f.refunds, r.time_window),
        jsonb_build_object('refunds', f.refunds, 'credits', f.credits)
    from credits.alert_rules as r
    cross join lateral (
        select
            t.user_id,
            count(*) as refunds,
            sum(t.credits) as credits
        from credits.credit_transactions as t
        where
            t.transaction_type = 'refund'
            and t.created_at > p_now - r.time_window
        group by t.user_id
    ) as f
    where
        r.type = 'repeated_refunds'
        and r.enabled
        and f.refunds > r.threshold
$refund_conditions$;

comment on function credits_internal.refund_conditions is
'The conditions of refund_failed, refund_overdue, refund_rate_high and repeated_refunds that hold '
'at this time.';

revoke all on function credits_internal.refund_conditions from public;

-- procedures/internal/refund_legacy_task.sql

-- Refund the generation, or the charge, that a call site of an older system knows by its task's id.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.refund_legacy_task(
    p_user_id uuid,
    p_task_id text,
    p_credits bigint,
    p_reason text default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $refund_legacy_task$
declare
    v_generation credits.generations;
    v_ended credits.generation_result;
    v_charge_id uuid;
    v_left bigint;
    v_refund credits.refund_result;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_credits(p_credits);
    perform credits_internal.lock_user(p_user_id);

    select g.*
    into v_generation
    from credits.generations as g
    where
        g.user_id = p_user_id
        and (g.generation_id::text = p_task_id or g.provider_task_id = p_task_id)
    order by g.generation_id::text = p_task_id desc, g.created_at desc
    limit 1;

    if found and v_generation.finished_at is null then
        v_ended := credits.fail_generation(
            p_user_id => p_user_id,
            p_generation_id => v_generation.generation_id,
            p_error_type => 'unknown',
            p_error_message => p_reason
        );

        return v_ended.credits_refunded;
    end if;

    select
        t.transaction_id,
        -t.credits - coalesce(r.refunded, 0)
    into
        v_charge_id,
        v_left
    from credits.credit_transactions as t
    left join credits.refund_totals as r
        on
            t.user_id = r.user_id
            and t.transaction_id = r.transaction_id
    where
        t.user_id = p_user_id
        and t.transaction_type = 'deduction'
        and (
            t.transaction_id = v_generation.charge_transaction_id
            or (
                v_generation.generation_id is null
                and p_task_id in (t.metadata ->> 'legacy_reference', t.idempotency_key)
            )
        )
    order by -t.credits > coalesce(r.refunded, 0) desc, t.seq desc
    limit 1;

    -- It names nothing that we know. What came back for it before comes back once.
    if v_generation.generation_id is null and v_charge_id is null then
        if exists (
            select
            from credits.credit_transactions as t
            where
                t.user_id = p_user_id
                and t.idempotency_key = credits_internal.legacy_refund_key(p_task_id)
        ) then
            return 0;
        end if;

        return credits_internal.refund_unreferenced(
            p_user_id => p_user_id,
            p_credits => p_credits,
            p_reason => p_reason,
            p_reference => p_task_id
        );
    end if;

    -- Told again, or settled in the older system.
    if coalesce(v_left, 0) = 0 then
        return 0;
    end if;

    v_refund := credits.refund_user_credits(
        p_user_id => p_user_id,
        p_transaction_id => v_charge_id,
        p_credits => least(p_credits, v_left),
        p_reason => left(p_reason, 1000)
    );

    return v_refund.credits_refunded;
end
$refund_legacy_task$;

comment on function credits_internal.refund_legacy_task is
'Refund up to so many credits of the generation with this id, or with this task at its provider, '
'or of the charge that named it, and return how many came back now: 0 where all had. One in flight '
'fails. One that is unknown is refunded as refund_unreferenced does, once.';

revoke all on function credits_internal.refund_legacy_task from public;

-- procedures/internal/refund_unreferenced.sql

-- Refund a charge that the caller cannot name: the newest of this user and amount that nothing of
-- came back. For call sites of an older system, which know no better.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.refund_unreferenced(
    p_user_id uuid,
    p_credits bigint,
    p_reason text default null,
    p_reference text default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $refund_unreferenced$
declare
    v_charge_id uuid;
    v_refund credits.refund_result;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_credits(p_credits);
    perform credits_internal.lock_user(p_user_id);

    select t.transaction_id
    into v_charge_id
    from credits.credit_transactions as t
    left join credits.refund_totals as r
        on
            t.user_id = r.user_id
            and t.transaction_id = r.transaction_id
    left join credits.generations as g
        on
            t.user_id = g.user_id
            and t.generation_id = g.generation_id
    where
        t.user_id = p_user_id
        and t.transaction_type = 'deduction'
        and t.credits = -p_credits
        and coalesce(r.refunded, 0) = 0
        -- Another reference names another charge.
        and (p_reference is null or t.metadata ->> 'legacy_reference' is null)
        -- What is in flight is refunded when it ends.
        and (t.generation_id is null or g.finished_at is not null)
    order by t.seq desc
    limit 1;

    if v_charge_id is null then
        perform credits.raise_alert(
            p_type => 'legacy_refund_unmatched',
            p_message => format(
                'a refund of %s credits named no charge, and none of that amount is left', p_credits
            ),
            p_user_id => p_user_id,
            p_dedup_key => p_credits::text,
            p_level => 'warning',
            p_metadata => jsonb_build_object('credits', p_credits, 'reason', left(p_reason, 1000))
        );

        return 0;
    end if;

    v_refund := credits.refund_user_credits(
        p_user_id => p_user_id,
        p_transaction_id => v_charge_id,
        p_reason => left(p_reason, 1000),
        p_idempotency_key => credits_internal.legacy_refund_key(p_reference)
    );

    return v_refund.credits_refunded;
end
$refund_unreferenced$;

comment on function credits_internal.refund_unreferenced is
'Refund the newest charge of this user and amount of which nothing came back, and return how much '
'that was; 0, and an alert legacy_refund_unmatched, where there is none.';

revoke all on function credits_internal.refund_unreferenced from public;

-- procedures/internal/refuse.sql

-- Raise one of our errors: a sentence, DETAIL as JSON with the code and the figures, and a hint.
--
-- Errors: the one asked for.

create or replace function credits_internal.refuse(
    p_sqlstate text,
    p_code text,
    p_message text,
    p_hint text,
    p_figures jsonb default '{}'
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refuse$
begin
    raise exception using
        errcode = p_sqlstate,
        message = p_message,
        detail = (jsonb_build_object('code', p_code) || p_figures)::text,
        hint = p_hint;
end
$refuse$;

comment on function credits_internal.refuse is
'Raise an error with this SQLSTATE; DETAIL is JSON with the code and the figures.';

revoke all on function credits_internal.refuse from public;

-- procedures/internal/refuse_argument.sql

-- Raise PT422 for an argument, naming it and the value it had.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.refuse_argument(
    p_argument text,
    p_value text,
    p_message text,
    p_hint text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refuse_argument$
begin
    perform credits_internal.refuse(
        p_sqlstate => 'PT422',
        p_code => 'invalid_argument',
        p_message => p_argument || ' ' || p_message,
        p_hint => p_hint,
        -- Long enough to recognise, short enough for a log.
        p_figures => jsonb_build_object('argument', p_argument, 'value', left(p_value, 100))
    );
end
$refuse_argument$;

comment on function credits_internal.refuse_argument is
'Raise PT422 invalid_argument; the message starts with the argument''s name.';

revoke all on function credits_internal.refuse_argument from public;

-- procedures/internal/refuse_event_change.sql

-- Keep the events of generations append-only: the one change let through is redaction.
--
-- Errors: 23001 restrict_violation, DETAIL code append_only.

create or replace function credits_internal.refuse_event_change()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $refuse_event_change$
declare
    v_redacted credits.generation_events;
begin
    if tg_op = 'UPDATE' then
        v_redacted := old;
        v_redacted.message := null;
        v_redacted.payload := '{}';
        v_redacted.dropped := null;
        v_redacted.redacted_at := new.redacted_at;

        if old.redacted_at is null
            and new.redacted_at is not null
            and new is not distinct from v_redacted
        then
            return new;
        end if;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => '23001',
        p_code => 'append_only',
        p_message => format('%I is append-only: %s is refused', tg_table_name, lower(tg_op)),
        p_hint => 'Report what happened with complete_generation, fail_generation or '
            'cancel_generation.'
    );

    return null;
end
$refuse_event_change$;

comment on function credits_internal.refuse_event_change is
'Trigger function: refuses update, delete and truncate of events, but lets redaction through.';

revoke all on function credits_internal.refuse_event_change from public;

create or replace trigger refuse_change
before update or delete on credits.generation_events
for each row execute function credits_internal.refuse_event_change();

create or replace trigger refuse_truncate
before truncate on credits.generation_events
for each statement execute function credits_internal.refuse_event_change();

-- Also in a session that plays replica (session_replication_role).
alter table credits.generation_events enable always trigger refuse_change;
alter table credits.generation_events enable always trigger refuse_truncate;

-- procedures/internal/refuse_generation.sql

-- Say that a user has no such generation.
--
-- Errors: PT404 generation_not_found.

create or replace function credits_internal.refuse_generation(
    p_generation_id uuid
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refuse_generation$
begin
    perform credits_internal.refuse(
        p_sqlstate => 'PT404',
        p_code => 'generation_not_found',
        p_message => 'this user has no such generation',
        p_hint => 'Pass the generation_id and the user_id that start_generation returned together.',
        p_figures => jsonb_build_object('generation_id', p_generation_id)
    );
end
$refuse_generation$;

comment on function credits_internal.refuse_generation is
'Raise PT404 generation_not_found.';

revoke all on function credits_internal.refuse_generation from public;

-- procedures/internal/refuse_ledger_change.sql

-- Keep the ledger append-only, for its owner, too: the one change let through is redaction.
--
-- Errors: 23001 restrict_violation, DETAIL code append_only.

create or replace function credits_internal.refuse_ledger_change()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $refuse_ledger_change$
declare
    v_redacted credits.credit_transactions;
begin
    if tg_op = 'UPDATE' then
        v_redacted := old;
        v_redacted.reason := null;
        v_redacted.metadata := '{}';
        v_redacted.redacted_at := new.redacted_at;

        if old.redacted_at is null
            and new.redacted_at is not null
            and new is not distinct from v_redacted
        then
            return new;
        end if;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => '23001',
        p_code => 'append_only',
        p_message => format('%I is append-only: %s is refused', tg_table_name, lower(tg_op)),
        p_hint => 'Correct a movement by a further one: refund_user_credits, revoke_user_credits '
            'or grant_user_credits.'
    );

    return null;
end
$refuse_ledger_change$;

comment on function credits_internal.refuse_ledger_change is
'Trigger function: refuses update, delete and truncate of the ledger, but lets redaction through.';

revoke all on function credits_internal.refuse_ledger_change from public;

create or replace trigger refuse_change
before update or delete on credits.credit_transactions
for each row execute function credits_internal.refuse_ledger_change();

create or replace trigger refuse_truncate
before truncate on credits.credit_transactions
for each statement execute function credits_internal.refuse_ledger_change();

-- Also in a session that plays replica (session_replication_role).
alter table credits.credit_transactions enable always trigger refuse_change;
alter table credits.credit_transactions enable always trigger refuse_truncate;

-- procedures/internal/refuse_legacy_write.sql

-- Refuse what would still be written to a table of an older system after the cut-over.
--
-- Except rows that go with the row that they belong to: whoever may delete a user may do so still.
--
-- Errors: PT410 moved_to_pgcredits.

create or replace function credits_internal.refuse_legacy_write()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $refuse_legacy_write$
begin
    -- A foreign key's cascade is a trigger, too.
    if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
        return null;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => 'PT410',
        p_code => 'moved_to_pgcredits',
        p_message => format(
            '%I.%I is closed: credits are kept by pgcredits', tg_table_schema, tg_table_name
        ),
        p_hint => 'Call the functions of schema credits, or those that pgcredits adopt compat '
            'makes under the old names.',
        p_figures => jsonb_build_object(
            'table', format('%I.%I', tg_table_schema, tg_table_name),
            'operation', lower(tg_op)
        )
    );

    return null;
end
$refuse_legacy_write$;

comment on function credits_internal.refuse_legacy_write is
'Trigger function of tables that were cut over: refuses every write but deletes by a cascade.';

revoke all on function credits_internal.refuse_legacy_write from public;

-- procedures/internal/refuse_settings_removal.sql

-- Keep the one row of settings.
--
-- Errors: 23001 restrict_violation, DETAIL code settings_needed.

create or replace function credits_internal.refuse_settings_removal()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $refuse_settings_removal$
begin
    perform credits_internal.refuse(
        p_sqlstate => '23001',
        p_code => 'settings_needed',
        p_message => 'the settings cannot be removed',
        p_hint => 'Update the row instead.'
    );

    return null;
end
$refuse_settings_removal$;

comment on function credits_internal.refuse_settings_removal is
'Trigger function: refuses delete and truncate of settings.';

revoke all on function credits_internal.refuse_settings_removal from public;

create or replace trigger refuse_removal
before delete or truncate on credits.settings
for each statement execute function credits_internal.refuse_settings_removal();

-- procedures/internal/require_credits.sql

-- Refuse an amount of credits that no single call may move.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_credits(
    p_credits bigint
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_credits$
begin
    if p_credits between 1 and 1000000000000 then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_credits',
        p_credits::text,
        'is ' || coalesce(p_credits::text, 'null'),
        'Pass a whole number of credits from 1 to 1000000000000.'
    );
end
$require_credits$;

comment on function credits_internal.require_credits is
'Refuse null, zero, negative and more than 10^12 credits with PT422.';

revoke all on function credits_internal.require_credits from public;

-- procedures/internal/require_generation.sql

-- Refuse a missing generation id.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_generation(
    p_generation_id uuid
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_generation$
begin
    if p_generation_id is null then
        perform credits_internal.refuse_argument(
            'p_generation_id', null, 'is null', 'Pass the generation_id of start_generation.'
        );
    end if;
end
$require_generation$;

comment on function credits_internal.require_generation is
'Refuse a null generation id with PT422.';

revoke all on function credits_internal.require_generation from public;

-- procedures/internal/require_key.sql

-- Refuse an idempotency key that is empty, too long or ours.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_key(
    p_idempotency_key text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_key$
begin
    if p_idempotency_key is null
        or (length(p_idempotency_key) between 1 and 200
            and not starts_with(p_idempotency_key, 'pgcredits:'))
    then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_idempotency_key',
        p_idempotency_key,
        case
            when p_idempotency_key = '' then 'is empty'
            when length(p_idempotency_key) > 200
                then format('has %s characters', length(p_idempotency_key))
            else 'starts with pgcredits:, which is reserved'
        end,
        'Pass 1 to 200 characters that name this one request, or null for a call that is never '
        'retried.'
    );
end
$require_key$;

comment on function credits_internal.require_key is
'Refuse a key that is empty, longer than 200 characters or starts with pgcredits:, with PT422. '
'Null passes.';

revoke all on function credits_internal.require_key from public;

-- procedures/internal/require_limit.sql

-- Refuse a row limit that makes no sense.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_limit(
    p_limit integer
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_limit$
begin
    if p_limit >= 1 then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_limit',
        p_limit::text,
        'is ' || coalesce(p_limit::text, 'null'),
        'Pass how many rows to handle at most: 1 or more.'
    );
end
$require_limit$;

comment on function credits_internal.require_limit is
'Refuse a null, zero or negative limit with PT422.';

revoke all on function credits_internal.require_limit from public;

-- procedures/internal/require_metadata.sql

-- Refuse metadata that is no JSON object, or a large one.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_metadata(
    p_metadata jsonb
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_metadata$
declare
    v_bytes constant integer := octet_length(p_metadata::text);
begin
    if p_metadata is null or (jsonb_typeof(p_metadata) = 'object' and v_bytes <= 16384) then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_metadata',
        p_metadata::text,
        case
            when v_bytes > 16384 then format('has %s bytes', v_bytes)
            else format('is a JSON %s', jsonb_typeof(p_metadata))
        end,
        'Pass a JSON object of at most 16384 bytes; keep larger things in your own tables.'
    );
end
$require_metadata$;

comment on function credits_internal.require_metadata is
'Refuse metadata that is not a JSON object or has more than 16 kB with PT422. Null passes.';

revoke all on function credits_internal.require_metadata from public;

-- procedures/internal/require_reason.sql

-- Refuse a reason that is too long.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_reason(
    p_reason text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_reason$
begin
    if length(p_reason) > 1000 then
        perform credits_internal.refuse_argument(
            'p_reason',
            p_reason,
            format('has %s characters', length(p_reason)),
            'Pass at most 1000 characters; keep longer texts in your own tables.'
        );
    end if;
end
$require_reason$;

comment on function credits_internal.require_reason is
'Refuse a reason of more than 1,000 characters with PT422. Null passes.';

revoke all on function credits_internal.require_reason from public;

-- procedures/internal/require_same_start.sql

-- Refuse another generation under an id that is in use.
--
-- Errors: PT409 idempotency_conflict.

create or replace function credits_internal.require_same_start(
    p_user_id uuid,
    p_generation_id uuid,
    p_provider text,
    p_generation_type text,
    p_credits bigint
)
returns void
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_same_start$
declare
    v_field text;
begin
    select
        case
            when g.credits_charged <> p_credits then 'p_credits'
            when g.provider <> p_provider then 'p_provider'
            when g.generation_type <> p_generation_type then 'p_generation_type'
        end
    into strict v_field
    from credits.generations as g
    where
        g.user_id = p_user_id
        and g.generation_id = p_generation_id;

    if v_field is null then
        return;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => 'PT409',
        p_code => 'idempotency_conflict',
        p_message => 'this generation id was used for another generation',
        p_hint => 'Repeat the first request unchanged, or pass a new id for a new generation.',
        p_figures => jsonb_build_object('key', p_generation_id, 'field', v_field)
    );
end
$require_same_start$;

comment on function credits_internal.require_same_start is
'Refuse with PT409 a start_generation whose credits, provider or type differ from the first '
'one''s.';

revoke all on function credits_internal.require_same_start from public;

-- procedures/internal/require_source.sql

-- Refuse a source of credits that does not exist, or that only the ledger itself may write.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_source(
    p_source text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_source$
begin
    -- A refund must name its charge, and a rollover its allowance.
    if p_source = any(enum_range(null::credits.credit_source)::text[])
        and p_source not in ('refund', 'rollover')
    then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_source',
        p_source,
        case
            when p_source is null then 'is null'
            when p_source in ('refund', 'rollover') then 'is written by the ledger only'
            else 'is unknown'
        end,
        'Pass one of purchase, allowance, promo, referral, goodwill, import, adjustment; to give '
        'back a deduction call refund_user_credits.'
    );
end
$require_source$;

comment on function credits_internal.require_source is
'Refuse null, unknown sources, refund and rollover with PT422.';

revoke all on function credits_internal.require_source from public;

-- procedures/internal/require_timeout.sql

-- Refuse a timeout that would never end, or has ended already.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_timeout(
    p_timeout interval
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_timeout$
begin
    if p_timeout is null or (p_timeout > interval '0' and p_timeout <= interval '366 days') then
        return;
    end if;

    perform credits_internal.refuse_argument(
        'p_timeout',
        p_timeout::text,
        'is ' || p_timeout::text,
        'Pass more than no time and at most 366 days, or null for the default of settings.'
    );
end
$require_timeout$;

comment on function credits_internal.require_timeout is
'Refuse a timeout of nothing, less than nothing, or more than 366 days, with PT422. Null passes.';

revoke all on function credits_internal.require_timeout from public;

-- procedures/internal/require_transaction.sql

-- Refuse a missing transaction id.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_transaction(
    p_transaction_id uuid
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_transaction$
begin
    if p_transaction_id is null then
        perform credits_internal.refuse_argument(
            'p_transaction_id',
            null,
            'is null',
            'Pass the transaction_id that the charge or grant returned.'
        );
    end if;
end
$require_transaction$;

comment on function credits_internal.require_transaction is
'Refuse a null transaction id with PT422.';

revoke all on function credits_internal.require_transaction from public;

-- procedures/internal/require_usd.sql

-- Refuse an amount of US dollars that the ledger cannot hold.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_usd(
    p_argument text,
    p_usd numeric
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_usd$
begin
    -- NaN and Infinity sort above every number, so that they fail here, too.
    if p_usd is null or (p_usd >= 0 and p_usd < 999999999.9999995) then
        return;
    end if;

    perform credits_internal.refuse_argument(
        p_argument,
        p_usd::text,
        'is ' || p_usd::text,
        'Pass US dollars from 0 to below 1000000000, or null where the amount is unknown.'
    );
end
$require_usd$;

comment on function credits_internal.require_usd is
'Refuse negative dollars, NaN, infinity, and what does not round to below 10^9, with PT422. Null '
'passes.';

revoke all on function credits_internal.require_usd from public;

-- procedures/internal/require_user.sql

-- Refuse a missing user, and the nil uuid, which stands for no user.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_user(
    p_user_id uuid
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_user$
begin
    if p_user_id is null or p_user_id = '00000000-0000-0000-0000-000000000000' then
        perform credits_internal.refuse_argument(
            'p_user_id',
            p_user_id::text,
            case when p_user_id is null then 'is null' else 'is the nil uuid' end,
            'Pass the id of the user whose credits are meant.'
        );
    end if;
end
$require_user$;

comment on function credits_internal.require_user is
'Refuse a null user, and the nil uuid, with PT422.';

revoke all on function credits_internal.require_user from public;

-- procedures/internal/require_within.sql

-- Refuse to give or take back more than is left of a transaction.
--
-- Errors: PT409 over_refund.

create or replace function credits_internal.require_within(
    p_charged bigint,
    p_refunded bigint,
    p_requested bigint
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_within$
begin
    if p_refunded + p_requested <= p_charged then
        return;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => 'PT409',
        p_code => 'over_refund',
        p_message => format(
            '%s credits were asked back, but only %s of %s are left',
            p_requested,
            p_charged - p_refunded,
            p_charged
        ),
        p_hint => 'Pass null for all that is left.',
        p_figures => jsonb_build_object(
            'charged', p_charged,
            'refunded', p_refunded,
            'requested', p_requested
        )
    );
end
$require_within$;

comment on function credits_internal.require_within is
'Refuse with PT409 over_refund where refunded + requested exceeds charged.';

revoke all on function credits_internal.require_within from public;

-- procedures/internal/require_word.sql

-- Refuse an identifying text that is missing, blank or too long.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_word(
    p_argument text,
    p_value text,
    p_max_length integer,
    p_hint text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_word$
begin
    if btrim(p_value) <> '' and length(p_value) <= p_max_length then
        return;
    end if;

    perform credits_internal.refuse_argument(
        p_argument,
        p_value,
        case
            when p_value is null then 'is null'
            when btrim(p_value) = '' then 'is blank'
            else format('has %s characters', length(p_value))
        end,
        format('%s In at most %s characters.', p_hint, p_max_length)
    );
end
$require_word$;

comment on function credits_internal.require_word is
'Refuse null, blank and too long texts that identify something, with PT422.';

revoke all on function credits_internal.require_word from public;

-- procedures/internal/revoke_locked.sql

-- Carry out a revocation that was judged: recover what is there, note what is owed.

create or replace function credits_internal.revoke_locked(
    p_user credits.user_credits,
    p_now timestamptz,
    p_grant credits.credit_transactions,
    p_credits bigint,
    p_requested_credits bigint,
    p_reason text,
    p_idempotency_key text
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $revoke_locked$
declare
    v_user credits.user_credits := p_user;
    v_at constant timestamptz := credits_internal.next_entry_at(
        p_now, p_user.last_entry_at
    );
    v_revocation_id constant uuid := credits_internal.uuid_v7(v_at);
    v_lot_id constant uuid := (p_grant.allocations -> 0 ->> 'lot_id')::uuid;
    v_allocations jsonb;
    v_recovered bigint;
    v_transaction_id uuid;
begin
    v_allocations := credits_internal.take_credits(
        p_user_id => p_user.user_id,
        p_credits => p_credits,
        p_family_of => v_lot_id
    );
    v_recovered := -credits_internal.allocated(v_allocations);

    if v_recovered > 0 then
        v_transaction_id := v_revocation_id;
        v_user := credits_internal.write_entry(
            p_user => v_user,
            p_transaction_id => v_transaction_id,
            p_at => v_at,
            p_transaction_type => 'revocation',
            p_allocations => v_allocations,
            p_credits => -v_recovered,
            p_requested_credits => p_requested_credits,
            p_revocation_of => p_grant.transaction_id,
            p_reason => p_reason,
            p_idempotency_key => p_idempotency_key
        );
    end if;

    insert into credits.revocations (
        user_id,
        revocation_id,
        grant_transaction_id,
        lot_id,
        requested_credits,
        credits,
        recovered_credits,
        owed_credits,
        transaction_id,
        created_at,
        idempotency_key,
        reason
    )
    values (
        p_user.user_id,
        v_revocation_id,
        p_grant.transaction_id,
        v_lot_id,
        p_requested_credits,
        p_credits,
        v_recovered,
        p_credits - v_recovered,
        v_transaction_id,
        v_at,
        p_idempotency_key,
        p_reason
    );

    update credits.credit_lots as l
    set revoked_owed = l.revoked_owed + p_credits - v_recovered
    where
        l.user_id = p_user.user_id
        and l.lot_id = v_lot_id;

    -- Also where no credits moved, so that a session that looks at an older state is told.
    update credits.user_credits as u
    set
        has_keyed_revocations = u.has_keyed_revocations or (
            v_recovered = 0
            and p_idempotency_key is not null
        ),
        updated_at = v_at
    where u.user_id = p_user.user_id;

    return row(v_transaction_id, p_user.user_id, -v_recovered, v_user.balance, false);
end
$revoke_locked$;

comment on function credits_internal.revoke_locked is
'Recover so many credits of a grant from its lot and those descended from it, and record the rest '
'as owed.';

revoke all on function credits_internal.revoke_locked from public;

-- procedures/internal/roll_over_allowances.sql

-- Let unused allowance live on for one more month, up to the plan's maximum.

create or replace function credits_internal.roll_over_allowances(
    p_user credits.user_credits,
    p_now timestamptz,
    p_expired jsonb
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $roll_over_allowances$
declare
    v_user credits.user_credits := p_user;
    v_max constant bigint := (
        select p.rollover_max_credits
        from credits.plans as p
        where p.plan = p_user.plan
    );
    v_expired record;
    v_at timestamptz;
    v_credits bigint;
begin
    for v_expired in
        select
            l.lot_id,
            l.priority,
            l.unit_price_usd,
            l.expires_at,
            -e.credits as unused,
            -- Two days on: in another business time zone than the allowance's, too, that is the
            -- month that follows.
            credits_internal.month_end(l.expires_at + interval '48 hours') as rolls_until
        from jsonb_to_recordset(p_expired) as e (lot_id uuid, credits bigint)
        inner join credits.credit_lots as l on e.lot_id = l.lot_id
        where
            l.user_id = p_user.user_id
            and l.source = 'allowance'
        order by l.expires_at, l.lot_id
    loop
        v_at := credits_internal.next_entry_at(p_now, v_user.last_entry_at);

        -- An upgrade makes a second allowance in the month: together they roll over no more.
        select least(v_expired.unused, v_max - coalesce(sum(l.granted), 0)::bigint)
        into v_credits
        from credits.credit_lots as l
        where
            l.user_id = p_user.user_id
            and l.source = 'rollover'
            and l.expires_at > v_expired.expires_at;

        -- Nobody expired the allowance for a whole month: its rollover is over, too.
        if v_credits > 0 and v_expired.rolls_until > p_now then
            v_user := credits_internal.add_lot(
                p_user => v_user,
                p_transaction_id => credits_internal.uuid_v7(v_at),
                p_at => v_at,
                p_credits => v_credits,
                p_source => 'rollover',
                p_expires_at => v_expired.rolls_until,
                p_priority => v_expired.priority,
                p_unit_price_usd => v_expired.unit_price_usd,
                p_origin_lot_id => v_expired.lot_id
            );
        end if;
    end loop;

    return v_user;
end
$roll_over_allowances$;

comment on function credits_internal.roll_over_allowances is
'For each expired allowance write a rollover lot of what was unused, in all at most the plan''s '
'rollover_max_credits, until the end of the month that follows.';

revoke all on function credits_internal.roll_over_allowances from public;

-- procedures/internal/spendable_credits.sql

-- What a user can spend: the balance less what remains in expired lots.

create or replace function credits_internal.spendable_credits(
    p_user_id uuid
)
returns bigint
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $spendable_credits$
    select b.balance
    from credits_internal.user_balance(p_user_id => p_user_id) as b
$spendable_credits$;

comment on function credits_internal.spendable_credits is
'The user''s balance less what remains in expired lots, swept or not; 0 for an unknown user.';

revoke all on function credits_internal.spendable_credits from public;

-- procedures/internal/take_credits.sql

-- Take credits out of a user's lots in burn order, as far as they reach.

create or replace function credits_internal.take_credits(
    p_user_id uuid,
    p_credits bigint,
    p_family_of uuid default null
)
returns jsonb
language sql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $take_credits$
    with recursive family as (
        select p_family_of as lot_id
        where p_family_of is not null
        union
        select child.lot_id
        from family
        inner join credits.credit_lots as child on family.lot_id = child.origin_lot_id
        where child.user_id = p_user_id
    ),
    reachable as (
        select
            b.burn_order,
            b.lot_id,
            b.remaining,
            sum(b.remaining) over (order by b.burn_order) as running_total
        from credits_internal.lots_in_burn_order(p_user_id => p_user_id) as b
        where
            p_family_of is null
            or b.lot_id in (select f.lot_id from family as f)
    ),
    taken as (
        select
            r.burn_order,
            r.lot_id,
            least(r.remaining, p_credits - (r.running_total - r.remaining))::bigint as credits
        from reachable as r
        where r.running_total - r.remaining < p_credits
    ),
    moved as (
        update credits.credit_lots as l
        set remaining = l.remaining - t.credits
        from taken as t
        where
            l.user_id = p_user_id
            and l.lot_id = t.lot_id
    )
    select jsonb_agg(
        credits_internal.allocation(t.lot_id, -t.credits)
        order by t.burn_order
    )
    from taken as t
$take_credits$;

comment on function credits_internal.take_credits is
'Take up to so many credits from a user''s lots, or only from one lot and those descended from it, '
'and return the allocations; null where there was nothing to take. The caller holds the user''s '
'lock and has written the due expiries.';

revoke all on function credits_internal.take_credits from public;

-- procedures/internal/upkeep_conditions.sql

-- What about the platform itself calls for an alert now.

create or replace function credits_internal.upkeep_conditions(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $upkeep_conditions$
    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        '',
        null::credits.alert_level,
        null::text,
        format('%s generations are in flight past their deadline', count(*)),
        jsonb_build_object(
            'generations', count(*),
            'deadline_at', credits_internal.utc_text(min(g.deadline_at))
        )
    from credits.alert_rules as r
    inner join credits.generations as g
        on
            g.finished_at is null
            and g.deadline_at <= p_now
    where
        r.type = 'generation_stuck'
        and r.enabled
    group by r.type

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        '',
        null,
        null,
        format('check_ledger found violations for %s users', count(*)),
        jsonb_build_object('users', count(*), 'violations', sum(c.violations))
    from credits.alert_rules as r
    inner join credits.ledger_checks as c on c.violations > 0
    where
        r.type = 'ledger_violation'
        and r.enabled
    group by r.type

    union all

    select
        r.type,
        '00000000-0000-0000-0000-000000000000'::uuid,
        '',
        null,
        null,
        format(
            'providers billed %s USD today for what was given back; the median of the days before '
            'is %s',
            round(t.cost_usd, 2),
            round(m.median_usd, 2)
        ),
        jsonb_build_object('cost_usd', t.cost_usd, 'median_usd', m.median_usd)
    from credits.alert_rules as r
    cross join credits.settings as s
    cross join lateral (
        select (p_now at time zone s.business_time_zone)::date as today
    ) as d
    cross join lateral (
        select coalesce(sum(a.cost_usd), 0) as cost_usd
        from credits_internal.absorbed_costs(d.today, d.today, s.business_time_zone) as a
    ) as t
    -- The days before are read only where today is above the floor; else there is no median.
    cross join lateral (
        select percentile_cont(0.5) within group (order by a.cost_usd)::numeric as median_usd
        from credits_internal.absorbed_costs(
            (d.today - r.time_window)::date, d.today - 1, s.business_time_zone
        ) as a
        where t.cost_usd > coalesce(r.floor_usd, 0)
    ) as m
    where
        r.type = 'absorbed_cost_high'
        and r.enabled
        and t.cost_usd > m.median_usd * r.threshold
$upkeep_conditions$;

comment on function credits_internal.upkeep_conditions is
'The conditions of generation_stuck, ledger_violation and absorbed_cost_high that hold at this '
'time.';

revoke all on function credits_internal.upkeep_conditions from public;

-- procedures/internal/user_balance.sql

-- A user's balance as every public function shows it.

create or replace function credits_internal.user_balance(
    p_user_id uuid
)
returns credits.user_balance
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $user_balance$
    with now as materialized (
        select credits_internal.clock() as at
    ),
    lots as (
        select
            sum(l.remaining) filter (where l.expires_at <= now.at) as expired,
            sum(l.remaining) filter (where l.expires_at > now.at) as expiring,
            min(l.expires_at) filter (where l.expires_at > now.at) as next_expiry_at
        from credits.credit_lots as l
        cross join now
        where
            l.user_id = p_user_id
            and not l.depleted
    )
    select row(
        p_user_id,
        coalesce(u.balance - coalesce(lots.expired, 0), 0),
        coalesce(lots.expiring, 0),
        lots.next_expiry_at,
        u.plan,
        u.low_balance_threshold,
        u.frozen_at is not null
    )::credits.user_balance
    from lots
    left join credits.user_credits as u on u.user_id = p_user_id
$user_balance$;

comment on function credits_internal.user_balance is
'The user''s spendable balance and what belongs to it; zeros for an unknown user.';

revoke all on function credits_internal.user_balance from public;

-- procedures/internal/utc_text.sql

-- A time as JSON has it, whatever the session's time zone is.

create or replace function credits_internal.utc_text(
    p_at timestamptz
)
returns text
language sql
stable
parallel safe
security invoker
as $utc_text$
    select pg_catalog.to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$utc_text$;

comment on function credits_internal.utc_text is
'The time in UTC as ISO 8601, with microseconds.';

revoke all on function credits_internal.utc_text from public;

-- procedures/internal/uuid_v7.sql

-- A uuid v7 (RFC 9562) of a given time, so that ids sort as times do.
--
-- 48 bits of milliseconds, then the microseconds as a 12-bit fraction of one (the RFC's method 3,
-- as PostgreSQL 18's own uuidv7() does it), then the random half of a version 4 uuid.

create or replace function credits_internal.uuid_v7(
    p_at timestamptz
)
returns uuid
language sql
volatile
parallel safe
security invoker
as $uuid_v7$
    select (
        credits_internal.uuid_v7_prefix(credits_internal.epoch_us(p_at))
        || pg_catalog.substr(pg_catalog.gen_random_uuid()::text, 20)
    )::uuid
$uuid_v7$;

comment on function credits_internal.uuid_v7 is
'A new uuid v7 that carries the given time to the microsecond.';

revoke all on function credits_internal.uuid_v7 from public;

-- procedures/internal/uuid_v7_prefix.sql

-- The first half of a uuid v7: its time.

create or replace function credits_internal.uuid_v7_prefix(
    p_epoch_us bigint
)
returns text
language sql
immutable
parallel safe
security invoker
as $uuid_v7_prefix$
    select pg_catalog.encode(
        pg_catalog.int8send(
            ((p_epoch_us / 1000) << 16) | 28672 | ((p_epoch_us % 1000) * 4096 / 1000)
        ),
        'hex'
    )
$uuid_v7_prefix$;

comment on function credits_internal.uuid_v7_prefix is
'The 16 hexadecimal digits with which every uuid v7 of this microsecond (since 1970) begins.';

revoke all on function credits_internal.uuid_v7_prefix from public;

-- procedures/internal/verify_entries.sql

-- Every ledger row follows from the one before, carries its time, and is as it was hashed.

create or replace function credits_internal.verify_entries(
    p_from uuid,
    p_to uuid
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $verify_entries$
begin
    return query
    with entries as (
        select
            t.*,
            lag(t.seq, 1, 0::bigint) over in_order as previous_seq,
            lag(t.balance_after, 1, 0::bigint) over in_order as previous_balance,
            lag(t.created_at) over in_order as previous_at,
            lag(t.entry_hash, 1, '\x'::bytea) over in_order as previous_hash
        from credits.credit_transactions as t
        where t.user_id between p_from and p_to
        window in_order as (partition by t.user_id order by t.seq, t.transaction_id)
    )
    select
        k.kind,
        e.user_id,
        e.transaction_id,
        e.generation_id,
        k.expected,
        k.actual,
        k.detail
    from entries as e
    cross join lateral (
        values
            (
                'seq',
                (e.previous_seq + 1)::text,
                e.seq::text,
                'rows are numbered without gaps'
            ),
            (
                'balance_after',
                (e.previous_balance + e.credits)::text,
                e.balance_after::text,
                'balance_after is the one before plus credits'
            ),
            (
                'created_at',
                'true',
                (e.previous_at is null or e.previous_at < e.created_at)::text,
                'time strictly rises'
            ),
            (
                'transaction_id',
                credits_internal.uuid_v7_prefix(credits_internal.epoch_us(e.created_at)),
                left(replace(e.transaction_id::text, '-', ''), 16),
                'the id begins with the row''s time'
            ),
            (
                'allocations',
                e.credits::text,
                coalesce(
                    (
                        select sum(a.credits)
                        from credits_internal.read_allocations(e.allocations) as a
                    ),
                    0
                )::text,
                'allocations sum to credits'
            ),
            (
                'content_digest',
                case
                    when e.redacted_at is not null and e.reason is null and e.metadata = '{}'
                        then encode(e.content_digest, 'hex')
                    else encode(credits_internal.content_digest(e.reason, e.metadata), 'hex')
                end,
                encode(e.content_digest, 'hex'),
                'reason and metadata are as written, or redacted'
            ),
            (
                'entry_hash',
                encode(
                    credits_internal.entry_hash(
                        e.previous_hash,
                        e.user_id,
                        e.transaction_id,
                        e.seq,
                        e.transaction_type,
                        e.credits,
                        e.requested_credits,
                        e.balance_after,
                        e.allocations,
                        e.source,
                        e.refund_of,
                        e.revocation_of,
                        e.generation_id,
                        e.cost_usd,
                        e.idempotency_key,
                        e.content_digest,
                        e.created_at
                    ),
                    'hex'
                ),
                encode(e.entry_hash, 'hex'),
                'the hash follows from the row and the hash before'
            )
    ) as k (kind, expected, actual, detail)
    where k.expected is distinct from k.actual;
end
$verify_entries$;

comment on function credits_internal.verify_entries is
'Violations within the ledger, for users in this range of ids.';

revoke all on function credits_internal.verify_entries from public;

-- procedures/internal/verify_generations.sql

-- Every generation was charged once, is settled when it has finished, and what it owes is listed.

create or replace function credits_internal.verify_generations(
    p_from uuid,
    p_to uuid
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $verify_generations$
begin
    return query
    with generations as (
        select g.*
        from credits.generations as g
        where g.user_id between p_from and p_to
    ),
    charges as (
        select
            t.user_id,
            t.generation_id,
            count(*) as charges,
            sum(t.credits) as credits,
            (array_agg(t.transaction_id order by t.seq))[1] as transaction_id
        from credits.credit_transactions as t
        where
            t.user_id between p_from and p_to
            and t.transaction_type = 'deduction'
            and t.generation_id is not null
        group by t.user_id, t.generation_id
    ),
    events as (
        select
            e.user_id,
            e.generation_id,
            count(*) as events,
            max(e.event_no) as last_event_no,
            (
                array_agg(e.event order by e.event_no)
                filter (
                    where
                    e.applied
                    and e.event in ('success', 'failure', 'cancel', 'deadline')
                )
            )[1] as settled_by
        from credits.generation_events as e
        where e.user_id between p_from and p_to
        group by e.user_id, e.generation_id
    ),
    states as (
        select
            coalesce(g.user_id, c.user_id) as user_id,
            coalesce(g.generation_id, c.generation_id) as generation_id,
            coalesce(g.charge_transaction_id, c.transaction_id) as transaction_id,
            g.user_id is null as is_missing,
            g.status,
            g.credits_charged,
            g.refund_due_credits,
            g.refund_owed_since,
            g.finished_at,
            g.last_event_no,
            g.provider_task_id,
            g.charge_transaction_id,
            c.charges,
            c.credits,
            c.transaction_id as charged_by,
            coalesce(r.refunded, 0) as refunded,
            e.events,
            e.last_event_no as last_written,
            e.settled_by,
            p.generation_id as mapped_to
        from generations as g
        full join charges as c
            on
                g.user_id = c.user_id
                and g.generation_id = c.generation_id
        left join credits.refund_totals as r
            on
                g.user_id = r.user_id
                and g.charge_transaction_id = r.transaction_id
        left join events as e
            on
                g.user_id = e.user_id
                and g.generation_id = e.generation_id
        left join credits.provider_tasks as p
            on
                g.provider = p.provider
                and g.provider_task_id = p.provider_task_id
                and g.user_id = p.user_id
    )
    select
        k.kind,
        s.user_id,
        s.transaction_id,
        s.generation_id,
        k.expected,
        k.actual,
        k.detail
    from states as s
    cross join lateral (
        values
            (
                'generation_missing',
                'false',
                s.is_missing::text,
                'a deduction names a generation of the same user'
            ),
            (
                'generation_charges',
                -- What was settled in an older system was paid there.
                case
                    when s.charge_transaction_id is null and s.credits_charged = 0 then '0'
                    else '1'
                end,
                coalesce(s.charges, 0)::text,
                'each generation is charged exactly once'
            ),
            (
                'generation_charge',
                s.charge_transaction_id::text || ' ' || (-s.credits_charged)::text,
                s.charged_by::text || ' ' || s.credits::text,
                'the deduction is the one that the generation names, and takes its price'
            ),
            (
                'generation_settled',
                case s.settled_by
                    when 'success' then 'succeeded'
                    when 'failure' then 'failed'
                    when 'cancel' then 'cancelled'
                    when 'deadline' then 'timed_out'
                    else 'in flight'
                end,
                case when s.finished_at is null then 'in flight' else s.status::text end,
                'the status is that of the first event that settled it'
            ),
            (
                'generation_due',
                'true',
                (
                    s.finished_at is not null
                    or (s.refund_due_credits = 0 and s.refunded = 0)
                )::text,
                'nothing is due or refunded while it is in flight'
            ),
            (
                'refund_owed',
                (s.refund_due_credits > s.refunded)::text,
                (s.refund_owed_since is not null)::text,
                'what is due and not refunded is listed as owed, and nothing else'
            ),
            (
                'generation_events',
                s.last_event_no::text || ' ' || s.last_event_no::text,
                coalesce(s.last_written, 0)::text || ' ' || coalesce(s.events, 0)::text,
                'its events are numbered without gaps'
            ),
            (
                'generation_task',
                (s.provider_task_id is not null)::text,
                coalesce(s.mapped_to = s.generation_id, false)::text,
                'its task at the provider leads back to it'
            )
    ) as k (kind, expected, actual, detail)
    where
        k.expected is distinct from k.actual
        and (k.kind = 'generation_missing' or not s.is_missing);
end
$verify_generations$;

comment on function credits_internal.verify_generations is
'Violations between generations, their charges, refunds, events and tasks, for users in this range '
'of ids.';

revoke all on function credits_internal.verify_generations from public;

-- procedures/internal/verify_lots.sql

-- Every lot holds what the ledger put into it less what the ledger took out.

create or replace function credits_internal.verify_lots(
    p_from uuid,
    p_to uuid
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $verify_lots$
begin
    return query
    with moved as (
        select
            t.user_id,
            a.lot_id,
            sum(a.credits) as credits,
            sum(a.credits) filter (
                where t.transaction_id = l.grant_transaction_id
            ) as granted
        from credits.credit_transactions as t
        cross join lateral credits_internal.read_allocations(t.allocations) as a
        left join credits.credit_lots as l
            on
                t.user_id = l.user_id
                and a.lot_id = l.lot_id::text
        where t.user_id between p_from and p_to
        group by t.user_id, a.lot_id
    ),
    lots as (
        select l.*
        from credits.credit_lots as l
        where l.user_id between p_from and p_to
    )
    select
        k.kind,
        coalesce(l.user_id, m.user_id),
        l.grant_transaction_id,
        null::uuid,
        k.expected,
        k.actual,
        k.detail || coalesce(l.lot_id::text, m.lot_id, 'null')
    from lots as l
    full join moved as m
        on
            l.user_id = m.user_id
            and l.lot_id::text = m.lot_id
    cross join lateral (
        values
            (
                'lot_remaining',
                coalesce(m.credits, 0)::text,
                l.remaining::text,
                'the ledger''s movements of a lot sum to what remains in it: '
            ),
            (
                'lot_granted',
                coalesce(m.granted, 0)::text,
                l.granted::text,
                'a lot was granted what its ledger row says: '
            )
    ) as k (kind, expected, actual, detail)
    where k.expected is distinct from k.actual;
end
$verify_lots$;

comment on function credits_internal.verify_lots is
'Violations between lots and the ledger''s allocations, for users in this range of ids.';

revoke all on function credits_internal.verify_lots from public;

-- procedures/internal/verify_purchases.sql

-- No payment was granted to two users.

create or replace function credits_internal.verify_purchases()
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $verify_purchases$
begin
    return query
    with purchases as (
        select
            t.user_id,
            t.transaction_id,
            t.idempotency_key,
            count(*) over (partition by t.idempotency_key) as users
        from credits.credit_transactions as t
        where t.source = 'purchase'
    )
    select
        'purchase_key',
        p.user_id,
        p.transaction_id,
        null::uuid,
        '1',
        p.users::text,
        'one payment is granted to one user: ' || p.idempotency_key
    from purchases as p
    where p.users > 1;
end
$verify_purchases$;

comment on function credits_internal.verify_purchases is
'Purchases of different users under the same key.';

revoke all on function credits_internal.verify_purchases from public;

-- procedures/internal/verify_refunds.sql

-- Every refund gives back a deduction of the same user, and the totals say how much.

create or replace function credits_internal.verify_refunds(
    p_from uuid,
    p_to uuid
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $verify_refunds$
begin
    return query
    with refunds as (
        select
            t.user_id,
            t.refund_of as transaction_id,
            sum(t.credits) as refunded,
            (array_agg(t.transaction_id order by t.transaction_id desc))[1] as last_refund_id
        from credits.credit_transactions as t
        where
            t.user_id between p_from and p_to
            and t.transaction_type = 'refund'
        group by t.user_id, t.refund_of
    ),
    totals as (
        select r.*
        from credits.refund_totals as r
        where r.user_id between p_from and p_to
    ),
    states as (
        select
            coalesce(f.user_id, r.user_id) as user_id,
            coalesce(f.transaction_id, r.transaction_id) as transaction_id,
            coalesce(f.refunded, 0) as refunded,
            r.refunded as total_refunded,
            r.charged as total_charged,
            f.last_refund_id,
            coalesce(r.last_refund_id, f.last_refund_id) as total_last_refund_id
        from refunds as f
        full join totals as r
            on
                f.user_id = r.user_id
                and f.transaction_id = r.transaction_id
    )
    select
        k.kind,
        s.user_id,
        s.transaction_id,
        t.generation_id,
        k.expected,
        k.actual,
        k.detail
    from states as s
    left join credits.credit_transactions as t
        on
            s.user_id = t.user_id
            and s.transaction_id = t.transaction_id
            and t.transaction_type = 'deduction'
    cross join lateral (
        values
            (
                'refund_total',
                s.refunded::text,
                s.total_refunded::text,
                'refund_totals.refunded is the sum of the refunds'
            ),
            (
                'refund_charge',
                (-t.credits)::text,
                s.total_charged::text,
                'refund_totals.charged is what the deduction took'
            ),
            (
                'refund_last',
                s.last_refund_id::text,
                s.total_last_refund_id::text,
                'refund_totals.last_refund_id is the latest refund'
            ),
            (
                'refund_without_charge',
                'true',
                (t.user_id is not null)::text,
                'a refund names a deduction of the same user'
            ),
            (
                'refund_cap',
                'true',
                (s.refunded <= -t.credits)::text,
                'refunds do not exceed the charge'
            )
    ) as k (kind, expected, actual, detail)
    where
        k.expected is distinct from k.actual
        and (t.user_id is not null or k.kind = 'refund_without_charge');
end
$verify_refunds$;

comment on function credits_internal.verify_refunds is
'Violations between refunds, their charges and refund_totals, for users in this range of ids.';

revoke all on function credits_internal.verify_refunds from public;

-- procedures/internal/verify_revocations.sql

-- What revocations recovered is in the ledger, and what they are owed is on the lots.

create or replace function credits_internal.verify_revocations(
    p_from uuid,
    p_to uuid
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $verify_revocations$
begin
    return query
    with recovered as (
        select
            t.user_id,
            t.revocation_of as grant_transaction_id,
            -sum(t.credits) as credits
        from credits.credit_transactions as t
        where
            t.user_id between p_from and p_to
            and t.transaction_type = 'revocation'
        group by t.user_id, t.revocation_of
    ),
    revoked as (
        select
            r.user_id,
            r.grant_transaction_id,
            sum(r.recovered_credits) as recovered,
            sum(r.owed_credits) as owed
        from credits.revocations as r
        where r.user_id between p_from and p_to
        group by r.user_id, r.grant_transaction_id
    ),
    owing as (
        select
            l.user_id,
            l.grant_transaction_id,
            sum(l.revoked_owed) as revoked_owed
        from credits.credit_lots as l
        where l.user_id between p_from and p_to
        group by l.user_id, l.grant_transaction_id
    ),
    states as (
        select
            coalesce(w.user_id, v.user_id, c.user_id) as user_id,
            coalesce(
                w.grant_transaction_id, v.grant_transaction_id, c.grant_transaction_id
            ) as grant_transaction_id,
            coalesce(w.revoked_owed, 0) as owed_on_lot,
            coalesce(v.recovered, 0) as recovered,
            coalesce(v.owed, 0) as owed,
            coalesce(c.credits, 0) as recovered_in_ledger
        from owing as w
        full join revoked as v
            on
                w.user_id = v.user_id
                and w.grant_transaction_id = v.grant_transaction_id
        full join recovered as c
            on
                coalesce(w.user_id, v.user_id) = c.user_id
                and coalesce(w.grant_transaction_id, v.grant_transaction_id)
                = c.grant_transaction_id
    )
    select
        k.kind,
        s.user_id,
        s.grant_transaction_id,
        null::uuid,
        k.expected,
        k.actual,
        k.detail
    from states as s
    cross join lateral (
        values
            (
                'revocation_recovered',
                s.recovered_in_ledger::text,
                s.recovered::text,
                'revocations recovered what the ledger says'
            ),
            (
                'revocation_owed',
                s.owed::text,
                s.owed_on_lot::text,
                'a lot owes what its revocations are owed'
            )
    ) as k (kind, expected, actual, detail)
    where k.expected is distinct from k.actual;
end
$verify_revocations$;

comment on function credits_internal.verify_revocations is
'Violations between revocations, the ledger and the lots, for users in this range of ids.';

revoke all on function credits_internal.verify_revocations from public;

-- procedures/internal/verify_users.sql

-- Every user's row agrees with the last ledger row, the ledger's sum and the lots.

create or replace function credits_internal.verify_users(
    p_from uuid,
    p_to uuid
)
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $verify_users$
begin
    return query
    with users as (
        select u.*
        from credits.user_credits as u
        where u.user_id between p_from and p_to
    ),
    ledgers as (
        select
            t.user_id,
            sum(t.credits) as credits,
            max(t.seq) as last_seq
        from credits.credit_transactions as t
        where t.user_id between p_from and p_to
        group by t.user_id
    ),
    lots as (
        select
            l.user_id,
            sum(l.remaining) as remaining,
            min(l.expires_at) as next_expiry_at
        from credits.credit_lots as l
        where
            l.user_id between p_from and p_to
            and not l.depleted
        group by l.user_id
    ),
    states as (
        select
            coalesce(u.user_id, g.user_id) as user_id,
            u.user_id is null as is_missing,
            u.balance,
            u.last_seq,
            u.last_entry_at,
            u.ledger_head,
            u.next_expiry_at,
            u.current_lot_id,
            u.current_lot_remaining,
            coalesce(g.credits, 0) as ledger_credits,
            coalesce(g.last_seq, 0) as ledger_last_seq,
            coalesce(l.remaining, 0) as lots_remaining,
            l.next_expiry_at as lots_next_expiry_at,
            e.transaction_id,
            e.balance_after,
            e.created_at,
            e.entry_hash,
            b.lot_id as burning_lot_id,
            b.remaining as burning_remaining
        from users as u
        full join ledgers as g on u.user_id = g.user_id
        left join lots as l on u.user_id = l.user_id
        left join lateral (
            select t.*
            from credits.credit_transactions as t
            where t.user_id = coalesce(u.user_id, g.user_id)
            order by t.transaction_id desc
            limit 1
        ) as e on true
        left join lateral (
            select o.*
            from credits_internal.lots_in_burn_order(p_user_id => u.user_id) as o
            order by o.burn_order
            limit 1
        ) as b on true
    )
    select
        k.kind,
        s.user_id,
        s.transaction_id,
        null::uuid,
        k.expected,
        k.actual,
        k.detail
    from states as s
    cross join lateral (
        values
            (
                'user_missing',
                'false',
                s.is_missing::text,
                'ledger rows without a row in user_credits'
            ),
            (
                'balance_after_last_entry',
                coalesce(s.balance_after, 0)::text,
                s.balance::text,
                'balance is balance_after of the last ledger row'
            ),
            (
                'balance_sum_of_ledger',
                s.ledger_credits::text,
                s.balance::text,
                'balance is the sum of the ledger'
            ),
            (
                'balance_sum_of_lots',
                s.lots_remaining::text,
                s.balance::text,
                'balance is the sum of what remains in the lots'
            ),
            (
                'last_seq',
                s.ledger_last_seq::text,
                s.last_seq::text,
                'last_seq is that of the last ledger row'
            ),
            (
                'last_entry_at',
                s.created_at::text,
                s.last_entry_at::text,
                'last_entry_at is the time of the last ledger row'
            ),
            (
                'ledger_head',
                encode(coalesce(s.entry_hash, '\x'), 'hex'),
                encode(s.ledger_head, 'hex'),
                'ledger_head is the hash of the last ledger row'
            ),
            (
                'next_expiry_at',
                s.lots_next_expiry_at::text,
                s.next_expiry_at::text,
                'next_expiry_at is the soonest of the lots that hold credits'
            ),
            (
                'current_lot',
                s.burning_lot_id::text || ' ' || s.burning_remaining::text,
                s.current_lot_id::text || ' ' || s.current_lot_remaining::text,
                'the lot in use is the first in burn order'
            )
    ) as k (kind, expected, actual, detail)
    where
        k.expected is distinct from k.actual
        and (k.kind = 'user_missing' or not s.is_missing);
end
$verify_users$;

comment on function credits_internal.verify_users is
'Violations between users'' rows, their ledgers and their lots, for users in this range of ids.';

revoke all on function credits_internal.verify_users from public;

-- procedures/internal/write_entry.sql

-- Append a row to a user's ledger and bring the user's row up to it.
--
-- The caller holds the user's lock and has moved the lots already, so that the lot in use and the
-- next expiry can be read from them.
--
-- Errors: PT422 invalid_argument where the balance would pass its limit.

create or replace function credits_internal.write_entry(
    p_user credits.user_credits,
    p_transaction_id uuid,
    p_at timestamptz,
    p_transaction_type credits.transaction_type,
    p_allocations jsonb,
    p_credits bigint,
    p_requested_credits bigint default null,
    p_source credits.credit_source default null,
    p_refund_of uuid default null,
    p_revocation_of uuid default null,
    p_generation_id uuid default null,
    p_cost_usd numeric default null,
    p_reason text default null,
    p_idempotency_key text default null,
    p_metadata jsonb default null
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $write_entry$
declare
    v_balance constant bigint := p_user.balance + p_credits;
    v_metadata constant jsonb := coalesce(p_metadata, '{}');
    v_digest constant bytea := credits_internal.content_digest(p_reason, v_metadata);
    v_hash bytea;
    v_user credits.user_credits;
begin
    -- JavaScript holds whole numbers up to 2^53.
    if p_credits > 0 and v_balance > 9000000000000000 then
        perform credits_internal.refuse_argument(
            'p_credits',
            p_credits::text,
            'would lift the balance above 9000000000000000',
            'Spend or revoke credits first.'
        );
    end if;

    v_hash := credits_internal.entry_hash(
        p_user.ledger_head,
        p_user.user_id,
        p_transaction_id,
        p_user.last_seq + 1,
        p_transaction_type,
        p_credits,
        p_requested_credits,
        v_balance,
        p_allocations,
        p_source,
        p_refund_of,
        p_revocation_of,
        p_generation_id,
        p_cost_usd::numeric(18, 6),
        p_idempotency_key,
        v_digest,
        p_at
    );

    insert into credits.credit_transactions (
        user_id,
        transaction_id,
        seq,
        credits,
        requested_credits,
        balance_after,
        created_at,
        transaction_type,
        source,
        refund_of,
        revocation_of,
        generation_id,
        cost_usd,
        allocations,
        reason,
        idempotency_key,
        metadata,
        content_digest,
        entry_hash
    )
    values (
        p_user.user_id,
        p_transaction_id,
        p_user.last_seq + 1,
        p_credits,
        p_requested_credits,
        v_balance,
        p_at,
        p_transaction_type,
        p_source,
        p_refund_of,
        p_revocation_of,
        p_generation_id,
        p_cost_usd,
        p_allocations,
        p_reason,
        p_idempotency_key,
        v_metadata,
        v_digest,
        v_hash
    );

    -- Once per crossing, in either direction.
    if (p_user.balance < p_user.low_balance_threshold)
        is distinct from (v_balance < p_user.low_balance_threshold)
    then
        perform credits_internal.note_low_balance(
            p_user_id => p_user.user_id,
            p_balance => v_balance,
            p_threshold => p_user.low_balance_threshold
        );
    end if;

    -- What comes back to the lot in use leaves it the first, and every expiry as it was.
    if p_credits > 0
        and jsonb_array_length(p_allocations) = 1
        and (p_allocations #>> '{0,lot_id}')::uuid = p_user.current_lot_id
    then
        update credits.user_credits as u
        set
            balance = v_balance,
            current_lot_remaining = u.current_lot_remaining + p_credits,
            last_seq = u.last_seq + 1,
            last_entry_at = p_at,
            ledger_head = v_hash
        where u.user_id = p_user.user_id
        returning u.* into strict v_user;

        return v_user;
    end if;

    update credits.user_credits as u
    set
        balance = v_balance,
        last_seq = u.last_seq + 1,
        last_entry_at = p_at,
        ledger_head = v_hash,
        next_expiry_at = live.next_expiry_at,
        current_lot_id = live.lot_id,
        current_lot_remaining = coalesce(live.remaining, 0)
    from (select) as always
    left join (
        select
            b.lot_id,
            b.remaining,
            min(b.expires_at) over () as next_expiry_at
        from credits_internal.lots_in_burn_order(p_user_id => p_user.user_id) as b
        order by b.burn_order
        limit 1
    ) as live on true
    where u.user_id = p_user.user_id
    returning u.* into strict v_user;

    return v_user;
end
$write_entry$;

comment on function credits_internal.write_entry is
'Append one ledger row for a locked user, and return the user''s row as it is then.';

revoke all on function credits_internal.write_entry from public;

-- procedures/internal/write_event.sql

-- Append to a generation's events. The caller has taken the number by updating last_event_no.

create or replace function credits_internal.write_event(
    p_generation credits.generations,
    p_event credits.generation_event,
    p_applied boolean,
    p_at timestamptz,
    p_status_before credits.generation_status default null,
    p_is_callback boolean default false,
    p_credits bigint default null,
    p_cost_usd numeric default null,
    p_provider_billed boolean default null,
    p_error_type text default null,
    p_code text default null,
    p_message text default null,
    p_payload jsonb default null,
    p_dropped text[] default null
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $write_event$
begin
    insert into credits.generation_events (
        user_id,
        generation_id,
        event_no,
        event,
        status_before,
        applied,
        is_callback,
        created_at,
        credits,
        cost_usd,
        provider_billed,
        error_type,
        code,
        message,
        payload,
        dropped
    )
    values (
        p_generation.user_id,
        p_generation.generation_id,
        p_generation.last_event_no,
        p_event,
        p_status_before,
        p_applied,
        p_is_callback,
        p_at,
        p_credits,
        p_cost_usd,
        p_provider_billed,
        p_error_type,
        p_code,
        p_message,
        coalesce(p_payload, '{}'),
        p_dropped
    );
end
$write_event$;

comment on function credits_internal.write_event is
'Append one event with the number that the generation''s row already carries.';

revoke all on function credits_internal.write_event from public;

-- procedures/ledger/deduct_user_credits.sql

-- Take credits from a user.
--
-- Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT403 account_frozen,
-- PT402 insufficient_credits.

create or replace function credits.deduct_user_credits(
    p_user_id uuid,
    p_credits bigint,
    p_reason text default null,
    p_idempotency_key text default null,
    p_cost_usd numeric default null,
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
    v_metadata constant jsonb := coalesce(p_metadata, '{}');
begin
    -- Each of these calls costs as much as a small statement: one expression lets every good call
    -- pass, and whatever it stops is judged by them.
    if p_user_id is null
        or p_credits is null
        or p_credits not between 1 and 1000000000000
        or p_cost_usd not between 0 and 999999999
        or length(p_reason) > 1000
        or length(p_idempotency_key) not between 1 and 200
        or starts_with(p_idempotency_key, 'pgcredits:')
        or jsonb_typeof(v_metadata) <> 'object'
        or octet_length(v_metadata::text) > 16384
    then
        perform credits_internal.require_user(p_user_id);
        perform credits_internal.require_credits(p_credits);
        perform credits_internal.require_usd('p_cost_usd', p_cost_usd);
        perform credits_internal.require_reason(p_reason);
        perform credits_internal.require_key(p_idempotency_key);
        perform credits_internal.require_metadata(p_metadata);
    end if;

    return credits_internal.deduct(
        p_user_id => p_user_id,
        p_credits => p_credits,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key,
        p_cost_usd => p_cost_usd,
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

-- procedures/ledger/freeze_user_credits.sql

-- Stop a user from spending; refunds still reach them.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.freeze_user_credits(
    p_user_id uuid,
    p_reason text
)
returns credits.user_balance
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $freeze_user_credits$
declare
    v_now timestamptz;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_reason(p_reason);

    -- A user who was never granted anything must be freezable, too.
    perform credits_internal.lock_user(p_user_id, p_create_missing => true);
    v_now := credits_internal.clock();

    -- The first reason stands: a repeat does not rewrite the story.
    update credits.user_credits as u
    set
        frozen_at = v_now,
        frozen_reason = p_reason,
        updated_at = v_now
    where
        u.user_id = p_user_id
        and u.frozen_at is null;

    return credits_internal.user_balance(p_user_id);
end
$freeze_user_credits$;

comment on function credits.freeze_user_credits is
'Stop a user from spending. Refunds still reach a frozen user. Safe to repeat: the first reason '
'stands. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.freeze_user_credits from public;
grant execute on function credits.freeze_user_credits to credits_operator;

-- procedures/ledger/get_user_credits.sql

-- What a user can spend now.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.get_user_credits(
    p_user_id uuid
)
returns credits.user_balance
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $get_user_credits$
begin
    perform credits_internal.require_user(p_user_id);

    return credits_internal.user_balance(p_user_id);
end
$get_user_credits$;

comment on function credits.get_user_credits is
'What a user can spend now (expired credits do not count, swept or not), how much of it will '
'expire and when next, the plan, the warning threshold, and whether spending is stopped. Zeros for '
'an unknown user. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.get_user_credits from public;
grant execute on function credits.get_user_credits to credits_app;

-- procedures/ledger/get_user_credits_at.sql

-- A user's balance by the ledger at a point in time.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.get_user_credits_at(
    p_user_id uuid,
    p_at timestamptz
)
returns bigint
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $get_user_credits_at$
declare
    v_balance bigint;
begin
    perform credits_internal.require_user(p_user_id);

    if p_at is null then
        perform credits_internal.refuse_argument(
            'p_at', null, 'is null', 'Pass the point in time that is meant, e.g. now().'
        );
    end if;

    -- Ids sort as times do, and the primary key finds them; the time itself says which of the
    -- last microsecond's belong.
    select t.balance_after
    into v_balance
    from credits.credit_transactions as t
    where
        t.user_id = p_user_id
        and t.transaction_id <= case
            when p_at between '1970-01-01 00:00+00' and '2100-01-01 00:00+00'
                then (
                    credits_internal.uuid_v7_prefix(credits_internal.epoch_us(p_at))
                    || 'ffffffffffffffff'
                )::uuid
            else 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
        end
        and t.created_at <= p_at
    order by t.transaction_id desc
    limit 1;

    return coalesce(v_balance, 0);
end
$get_user_credits_at$;

comment on function credits.get_user_credits_at is
'The balance that the ledger shows at this time; 0 before the first row. Credits that had expired '
'by then count until their expiry was written. Errors: PT422 invalid_argument.';

revoke all on function credits.get_user_credits_at from public;
grant execute on function credits.get_user_credits_at to credits_app;

-- procedures/ledger/get_user_transactions.sql

-- A user's ledger, newest first, page by page.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.get_user_transactions(
    p_user_id uuid,
    p_before_seq bigint default null,
    p_limit integer default 50
)
returns setof credits.user_transaction
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $get_user_transactions$
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_limit(p_limit);

    return query
    select
        t.transaction_id,
        t.user_id,
        t.seq,
        t.created_at,
        t.transaction_type::text,
        t.credits,
        t.balance_after,
        t.source::text,
        t.refund_of,
        t.revocation_of,
        t.generation_id,
        t.cost_usd::numeric,
        t.reason,
        t.idempotency_key,
        t.metadata
    from credits.credit_transactions as t
    where
        t.user_id = p_user_id
        and (p_before_seq is null or t.seq < p_before_seq)
    order by t.transaction_id desc
    limit p_limit;
end
$get_user_transactions$;

comment on function credits.get_user_transactions is
'A user''s ledger rows, newest first. p_before_seq: null = from the newest, else only rows before '
'this seq (pass the last row''s for the next page). p_limit: rows at most. '
'Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.get_user_transactions from public;
grant execute on function credits.get_user_transactions to credits_app;

-- procedures/ledger/grant_user_credits.sql

-- Add credits to a user's balance: a lot and a ledger row.
--
-- Errors: PT422 invalid_argument, PT409 idempotency_conflict.

create or replace function credits.grant_user_credits(
    p_user_id uuid,
    p_credits bigint,
    p_source text default 'goodwill',
    p_expires_at timestamptz default null,
    p_priority integer default null,
    p_unit_price_usd numeric default null,
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
    -- An expiry at the end of time is none.
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
    perform credits_internal.require_usd('p_unit_price_usd', p_unit_price_usd);
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
        return row(
            v_prior.transaction_id,
            p_user_id,
            v_prior.credits,
            credits_internal.spendable_credits(p_user_id),
            true
        );
    end if;

    v_now := credits_internal.clock();

    if v_expires_at <= v_now then
        perform credits_internal.refuse_argument(
            'p_expires_at',
            p_expires_at::text,
            'is in the past',
            'Pass a time to come, or null for credits that never expire.'
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
        p_unit_price_usd => p_unit_price_usd,
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
'Errors: PT422 invalid_argument, PT409 idempotency_conflict. Call it in FROM.';

revoke all on function credits.grant_user_credits from public;
grant execute on function credits.grant_user_credits to credits_app;

-- procedures/ledger/redact_user.sql

-- Blank what was written about one person; amounts, times and the hash chain stay valid.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.redact_user(
    p_user_id uuid
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $redact_user$
declare
    v_now timestamptz;
    v_redacted bigint;
    v_events bigint;
    v_imported bigint;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.lock_user(p_user_id);
    v_now := credits_internal.clock();

    update credits.credit_transactions as t
    set
        reason = null,
        metadata = '{}',
        redacted_at = v_now
    where
        t.user_id = p_user_id
        and t.redacted_at is null
        and (t.reason is not null or t.metadata <> '{}');

    get diagnostics v_redacted = row_count;

    update credits.revocations as r
    set reason = null
    where
        r.user_id = p_user_id
        and r.reason is not null;

    update credits.generations as g
    set
        error_message = null,
        metadata = '{}'
    where
        g.user_id = p_user_id
        and (g.error_message is not null or g.metadata <> '{}');

    update credits.generation_events as e
    set
        message = null,
        payload = '{}',
        dropped = null,
        redacted_at = v_now
    where
        e.user_id = p_user_id
        and e.redacted_at is null
        and (e.message is not null or e.payload <> '{}' or e.dropped is not null);

    get diagnostics v_events = row_count;

    update credits.provider_callbacks as c
    set
        message = null,
        payload = null,
        dropped = null
    where
        -- One by one, by their key: of the tasks there are many, of what waits for one few.
        p_user_id = (
            select t.user_id
            from credits.provider_tasks as t
            where
                t.provider = c.provider
                and t.provider_task_id = c.provider_task_id
        );

    update credits.system_alerts as a
    set
        message = a.type,
        metadata = '{}'
    where
        a.user_id = p_user_id
        and (a.message <> a.type or a.metadata <> '{}');

    update credits.imported_history as h
    set
        original = '{}',
        redacted_at = v_now
    where
        h.user_id = p_user_id
        and h.redacted_at is null;

    get diagnostics v_imported = row_count;

    update credits.user_credits as u
    set
        frozen_reason = null,
        updated_at = v_now
    where u.user_id = p_user_id;

    return v_redacted + v_events + v_imported;
end
$redact_user$;

comment on function credits.redact_user is
'Blank the reasons, metadata, messages and payloads of one user, for good, and return how many '
'rows of the ledger, of the generations'' events and of imported_history were blanked. Amounts, '
'times and the hash chain stay valid. Keys, ids, and the kinds and codes of failures stay: choose '
'ones that say nothing about a person. Errors: PT422 invalid_argument.';

revoke all on function credits.redact_user from public;
grant execute on function credits.redact_user to credits_operator;

-- procedures/ledger/refund_user_credits.sql

-- Give a deduction back, whole or in part, never more than it took.
--
-- Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT404 transaction_not_found,
-- PT409 not_refundable, PT409 over_refund.

create or replace function credits.refund_user_credits(
    p_user_id uuid,
    p_transaction_id uuid,
    p_credits bigint default null,
    p_reason text default null,
    p_idempotency_key text default null
)
returns credits.refund_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $refund_user_credits$
declare
    v_user credits.user_credits;
    v_prior credits_internal.stored_request;
    v_charge credits.credit_transactions;
    v_generation credits.generations;
    v_refunded bigint;
    v_last_refund_id uuid;
    v_credits bigint;
    v_now timestamptz;
    v_at timestamptz;
    v_refund_id uuid;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_transaction(p_transaction_id);

    if p_credits is not null then
        perform credits_internal.require_credits(p_credits);
    end if;

    perform credits_internal.require_reason(p_reason);
    perform credits_internal.require_key(p_idempotency_key);

    v_user := credits_internal.lock_user(p_user_id);
    v_prior := credits_internal.find_request(
        p_user_id => p_user_id,
        p_has_keyed_revocations => v_user.has_keyed_revocations,
        p_idempotency_key => p_idempotency_key,
        p_transaction_type => 'refund',
        p_target => p_transaction_id,
        p_credits => p_credits
    );

    if v_prior.credits is not null then
        return row(
            true,
            v_prior.credits,
            v_prior.transaction_id,
            credits_internal.spendable_credits(p_user_id),
            true
        );
    end if;

    v_charge := credits_internal.get_transaction(p_user_id, p_transaction_id);

    if v_charge.transaction_type <> 'deduction' then
        perform credits_internal.refuse(
            p_sqlstate => 'PT409',
            p_code => 'not_refundable',
            p_message => format('a %s cannot be refunded', v_charge.transaction_type),
            p_hint => 'Pass the transaction_id of a deduction; to take back a grant call '
                'revoke_user_credits.',
            p_figures => jsonb_build_object('transaction_type', v_charge.transaction_type)
        );
    end if;

    if v_charge.generation_id is not null then
        v_generation := credits_internal.lock_generation(p_user_id, v_charge.generation_id);

        if v_generation.finished_at is null then
            perform credits_internal.refuse(
                p_sqlstate => 'PT409',
                p_code => 'not_refundable',
                p_message => 'the generation that this paid for is in flight',
                p_hint => 'Call fail_generation or cancel_generation: they refund it.',
                p_figures => jsonb_build_object(
                    'generation_id', v_generation.generation_id,
                    'status', v_generation.status
                )
            );
        end if;
    end if;

    select
        r.refunded,
        r.last_refund_id
    into
        v_refunded,
        v_last_refund_id
    from credits.refund_totals as r
    where
        r.user_id = p_user_id
        and r.transaction_id = p_transaction_id;

    v_refunded := coalesce(v_refunded, 0);
    v_credits := coalesce(p_credits, -v_charge.credits - v_refunded);

    -- All of it was given back before: not an error, but the same answer.
    if v_credits = 0 then
        return row(
            true,
            v_refunded,
            v_last_refund_id,
            credits_internal.spendable_credits(p_user_id),
            true
        );
    end if;

    perform credits_internal.require_within(
        p_charged => -v_charge.credits,
        p_refunded => v_refunded,
        p_requested => v_credits
    );

    v_now := credits_internal.clock();
    v_user := credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);
    v_at := credits_internal.next_entry_at(v_now, v_user.last_entry_at);
    v_refund_id := credits_internal.uuid_v7(v_at);
    v_user := credits_internal.pay_refund(
        p_user => v_user,
        p_charge => v_charge,
        p_transaction_id => v_refund_id,
        p_now => v_now,
        p_at => v_at,
        p_credits => v_credits,
        p_refunded => v_refunded,
        p_requested_credits => p_credits,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key
    );

    -- Perhaps it was owed.
    if v_generation.refund_owed_since is not null
        and v_generation.refund_due_credits <= v_refunded + v_credits
    then
        perform credits_internal.note_refund_paid(v_generation, v_credits);
    end if;

    return row(true, v_credits, v_refund_id, v_user.balance, false);
end
$refund_user_credits$;

comment on function credits.refund_user_credits is
'Give a deduction back to its user. p_credits: null = all that is left; where nothing is left, the '
'answer is the latest refund with the total so far and replayed = true. Credits return to their '
'lots, the last taken first; where a lot has expired, to a fresh one that lives as long as they '
'still had when they were taken, an hour at least and settings.refund_grace at most. '
'Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT404 transaction_not_found, PT409 '
'not_refundable, PT409 over_refund. Call it in FROM.';

revoke all on function credits.refund_user_credits from public;
grant execute on function credits.refund_user_credits to credits_app;

-- procedures/ledger/revoke_user_credits.sql

-- Take back a grant (chargeback, fraud): what is left of it now, the rest when it comes back.
--
-- Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT404 transaction_not_found,
-- PT409 not_refundable, PT409 over_refund.

create or replace function credits.revoke_user_credits(
    p_user_id uuid,
    p_transaction_id uuid,
    p_credits bigint default null,
    p_reason text default null,
    p_idempotency_key text default null
)
returns credits.transaction_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $revoke_user_credits$
declare
    v_user credits.user_credits;
    v_prior credits_internal.stored_request;
    v_grant credits.credit_transactions;
    v_revoked record;
    v_credits bigint;
    v_now timestamptz;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_transaction(p_transaction_id);

    if p_credits is not null then
        perform credits_internal.require_credits(p_credits);
    end if;

    perform credits_internal.require_reason(p_reason);
    perform credits_internal.require_key(p_idempotency_key);

    v_user := credits_internal.lock_user(p_user_id);
    v_prior := credits_internal.find_request(
        p_user_id => p_user_id,
        p_has_keyed_revocations => v_user.has_keyed_revocations,
        p_idempotency_key => p_idempotency_key,
        p_transaction_type => 'revocation',
        p_target => p_transaction_id,
        p_credits => p_credits
    );

    if v_prior.credits is not null then
        return row(
            v_prior.transaction_id,
            p_user_id,
            v_prior.credits,
            credits_internal.spendable_credits(p_user_id),
            true
        );
    end if;

    v_grant := credits_internal.get_transaction(p_user_id, p_transaction_id);

    if v_grant.transaction_type <> 'grant' then
        perform credits_internal.refuse(
            p_sqlstate => 'PT409',
            p_code => 'not_refundable',
            p_message => format('a %s cannot be revoked', v_grant.transaction_type),
            p_hint => 'Pass the transaction_id of a grant; to give back a deduction call '
                'refund_user_credits.',
            p_figures => jsonb_build_object('transaction_type', v_grant.transaction_type)
        );
    end if;

    select
        coalesce(sum(r.credits), 0)::bigint as credits,
        coalesce(sum(r.recovered_credits), 0)::bigint as recovered,
        (array_agg(r.transaction_id order by r.revocation_id desc))[1] as last_transaction_id
    into v_revoked
    from credits.revocations as r
    where
        r.user_id = p_user_id
        and r.grant_transaction_id = p_transaction_id;

    v_credits := coalesce(p_credits, v_grant.credits - v_revoked.credits);

    -- All of it was revoked before: not an error, but the same answer.
    if v_credits = 0 then
        return row(
            v_revoked.last_transaction_id,
            p_user_id,
            -v_revoked.recovered,
            credits_internal.spendable_credits(p_user_id),
            true
        );
    end if;

    perform credits_internal.require_within(
        p_charged => v_grant.credits,
        p_refunded => v_revoked.credits,
        p_requested => v_credits
    );

    v_now := credits_internal.clock();

    return credits_internal.revoke_locked(
        p_user => credits_internal.expire_due_lots(p_user => v_user, p_now => v_now),
        p_now => v_now,
        p_grant => v_grant,
        p_credits => v_credits,
        p_requested_credits => p_credits,
        p_reason => p_reason,
        p_idempotency_key => p_idempotency_key
    );
end
$revoke_user_credits$;

comment on function credits.revoke_user_credits is
'Take back a grant. p_credits: null = all not yet revoked; where nothing is left, the answer is '
'the latest revocation with the total recovered and replayed = true. What was spent already stays '
'owed: it is taken when it is refunded. transaction_id is null where nothing could be recovered. '
'Errors: PT422 invalid_argument, PT409 idempotency_conflict, PT404 transaction_not_found, PT409 '
'not_refundable, PT409 over_refund. Call it in FROM.';

revoke all on function credits.revoke_user_credits from public;
grant execute on function credits.revoke_user_credits to credits_operator;

-- procedures/ledger/set_low_balance_threshold.sql

-- Say when a user's balance is low.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.set_low_balance_threshold(
    p_user_id uuid,
    p_credits bigint
)
returns credits.user_balance
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $set_low_balance_threshold$
declare
    v_user credits.user_credits;
    v_now timestamptz;
begin
    perform credits_internal.require_user(p_user_id);

    if p_credits not between 0 and 9000000000000000 then
        perform credits_internal.refuse_argument(
            'p_credits',
            p_credits::text,
            'is ' || p_credits::text,
            'Pass 0 to 9000000000000000 credits, or null to be warned of nothing.'
        );
    end if;

    v_user := credits_internal.lock_user(p_user_id, p_create_missing => true);
    v_now := credits_internal.clock();

    update credits.user_credits as u
    set
        low_balance_threshold = p_credits,
        updated_at = v_now
    where u.user_id = p_user_id;

    -- It is opened by a crossing only, but what is not low is not to be alerted of.
    if (v_user.balance < p_credits) is not true then
        perform credits_internal.close_alert(p_user_id, 'low_balance', '');
    end if;

    return credits_internal.user_balance(p_user_id);
end
$set_low_balance_threshold$;

comment on function credits.set_low_balance_threshold is
'Warn when this user''s balance falls below so many credits; null = never. '
'Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.set_low_balance_threshold from public;
grant execute on function credits.set_low_balance_threshold to credits_app;

-- procedures/ledger/set_user_plan.sql

-- Put a user on a plan.
--
-- Errors: PT422 invalid_argument, PT404 plan_not_found.

create or replace function credits.set_user_plan(
    p_user_id uuid,
    p_plan text
)
returns credits.user_balance
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $set_user_plan$
declare
    v_user credits.user_credits;
    v_now timestamptz;
begin
    perform credits_internal.require_user(p_user_id);
    v_user := credits_internal.lock_user(p_user_id, p_create_missing => true);

    if p_plan is not null
        and not exists (select from credits.plans as p where p.plan = p_plan)
    then
        perform credits_internal.refuse(
            p_sqlstate => 'PT404',
            p_code => 'plan_not_found',
            p_message => 'there is no such plan',
            p_hint => 'Pass a plan of credits.plans, or null to end the user''s plan.',
            p_figures => jsonb_build_object('plan', left(p_plan, 100))
        );
    end if;

    v_now := credits_internal.clock();

    -- A month that has ended rolls over by the plan that was held in it.
    perform credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);

    update credits.user_credits as u
    set
        plan = p_plan,
        updated_at = v_now
    where u.user_id = p_user_id;

    return credits_internal.user_balance(p_user_id);
end
$set_user_plan$;

comment on function credits.set_user_plan is
'Put a user on a plan; null ends it. apply_monthly_allowances grants what the plan brings; a '
'change of plan takes nothing away, and a month that has ended rolls over by the old plan. '
'Errors: PT422 invalid_argument, PT404 plan_not_found. Call it in FROM.';

revoke all on function credits.set_user_plan from public;
grant execute on function credits.set_user_plan to credits_app;

-- procedures/ledger/unfreeze_user_credits.sql

-- Let a frozen user spend again.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.unfreeze_user_credits(
    p_user_id uuid
)
returns credits.user_balance
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $unfreeze_user_credits$
declare
    v_now timestamptz;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.lock_user(p_user_id);
    v_now := credits_internal.clock();

    update credits.user_credits as u
    set
        frozen_at = null,
        frozen_reason = null,
        updated_at = v_now
    where
        u.user_id = p_user_id
        and u.frozen_at is not null;

    return credits_internal.user_balance(p_user_id);
end
$unfreeze_user_credits$;

comment on function credits.unfreeze_user_credits is
'Let a frozen user spend again. Safe to repeat. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.unfreeze_user_credits from public;
grant execute on function credits.unfreeze_user_credits to credits_operator;

-- procedures/maintenance/apply_monthly_allowances.sql

-- Grant what users' plans bring this month, user by user.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.apply_monthly_allowances(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $apply_monthly_allowances$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_month_end constant timestamptz := credits_internal.month_end(v_now);
    v_month constant date := credits_internal.month_of(v_now);
    v_served integer := 0;
    v_user_id uuid;
    v_user credits.user_credits;
    v_result credits.sweep_result;
begin
    perform credits_internal.require_limit(p_limit);

    -- More than are to be served, so that busy and broken users do not use up the limit.
    for v_user_id in
        select u.user_id
        from credits.plans as p
        cross join lateral (
            (
                select m.user_id
                from credits.user_credits as m
                where
                    m.plan = p.plan
                    and m.allowance_month < v_month
                limit p_limit + 1000::bigint
            )
            union all
            (
                -- Upgraded this month.
                select m.user_id
                from credits.user_credits as m
                where
                    m.plan = p.plan
                    and m.allowance_month = v_month
                    and m.allowance_credits < p.monthly_credits
                limit p_limit + 1000::bigint
            )
        ) as u
        where p.monthly_credits > 0
        limit p_limit + 1000::bigint
    loop
        exit when v_served = p_limit;

        v_result := (v_user_id, null, null, null)::credits.sweep_result;

        select u.*
        into v_user
        from credits.user_credits as u
        where u.user_id = v_user_id
        for no key update skip locked;

        -- Busy: the next run looks again.
        continue when not found;

        -- One user's failure must not keep the others waiting. The lock stays when it is undone.
        begin
            v_result.credits := credits_internal.grant_allowance(
                p_user => v_user,
                p_now => v_now,
                p_month => v_month,
                p_month_end => v_month_end
            );

            -- Served meanwhile, or moved to a smaller plan.
            continue when v_result.credits is null;

            v_served := v_served + 1;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others then
                v_result := credits_internal.failed_turn(
                    'apply_monthly_allowances', v_user_id, null, sqlerrm
                );
        end;

        return next v_result;
    end loop;
end
$apply_monthly_allowances$;

comment on function credits.apply_monthly_allowances is
'Grant up to so many users what their plan brings in this calendar month of the business time '
'zone; busy users are left for the next run. The credits expire at the month''s end. An upgrade '
'brings the difference, a downgrade takes nothing back, missed months are not made up. One row for '
'each user: the credits granted, or the error. Safe to run twice at once. '
'Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.apply_monthly_allowances from public;
grant execute on function credits.apply_monthly_allowances to credits_operator;

-- procedures/maintenance/apply_waiting_callbacks.sql

-- Apply callbacks that wait in the inbox although their task is known by now.
--
-- Attaching a task does that at once; what is left for this are attachments that could not see them
-- (an older snapshot under REPEATABLE READ, a mapping written by hand).
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.apply_waiting_callbacks(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $apply_waiting_callbacks$
declare
    v_served integer := 0;
    v_next record;
    v_generation credits.generations;
    v_refunded bigint;
    v_result credits.generation_result;
begin
    perform credits_internal.require_limit(p_limit);

    -- More than are to be served, so that busy and broken users do not use up the limit.
    for v_next in
        select
            t.user_id,
            t.generation_id,
            t.provider_task_id
        from credits.provider_callbacks as c
        -- One by one, by their key: of the tasks there are many.
        cross join lateral (
            select p.*
            from credits.provider_tasks as p
            where
                p.provider = c.provider
                and p.provider_task_id = c.provider_task_id
            offset 0
        ) as t
        group by
            t.user_id,
            t.generation_id,
            t.provider_task_id
        order by min(c.received_at)
        limit p_limit + 1000::bigint
    loop
        exit when v_served = p_limit;

        -- Busy: the next run looks again.
        continue when not credits_internal.lock_idle_user(v_next.user_id);

        -- One user's failure must not keep the others waiting. The lock stays when it is undone.
        begin
            v_generation := credits_internal.lock_generation(
                v_next.user_id, v_next.generation_id
            );
            v_result := credits_internal.generation_result(
                v_next.user_id, v_next.generation_id, false, false
            );
            v_refunded := v_result.credits_refunded;

            -- Applied by somebody else meanwhile.
            continue when
                credits_internal.apply_waiting(v_generation, v_next.provider_task_id) = 0;

            v_result := credits_internal.generation_result(
                v_next.user_id, v_next.generation_id, true, false
            );
            v_served := v_served + 1;

            return next row(
                v_next.user_id,
                v_next.generation_id,
                v_result.credits_refunded - v_refunded,
                null
            )::credits.sweep_result;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others then
                return next credits_internal.failed_turn(
                    'apply_waiting_callbacks',
                    v_next.user_id,
                    v_next.generation_id,
                    sqlerrm
                );
        end;
    end loop;
end
$apply_waiting_callbacks$;

comment on function credits.apply_waiting_callbacks is
'Apply the callbacks that wait for a task which is attached by now, of up to so many generations; '
'busy users are left for the next run. One row for each: the credits refunded, or the error. Safe '
'to run twice at once. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.apply_waiting_callbacks from public;
grant execute on function credits.apply_waiting_callbacks to credits_operator;

-- procedures/maintenance/dashboard_stats.sql

-- All that an admin page shows at first, in one JSON object.

create or replace function credits.dashboard_stats()
returns jsonb
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
-- The planner takes the days of the views for many more than they are; compiling would cost more
-- than all the reading.
set jit = off
as $dashboard_stats$
declare
    v_today timestamptz;
    v_this_month timestamptz;
    v_week_ago constant timestamptz := now() - interval '7 days';
    v_active_users_today bigint;
    v_totals jsonb;
    v_refunds bigint;
    v_credits jsonb;
    v_providers jsonb;
    v_failures jsonb;
    v_health jsonb;
begin
    select
        date_trunc('day', t.now) at time zone s.business_time_zone,
        date_trunc('month', t.now) at time zone s.business_time_zone
    into
        v_today,
        v_this_month
    from credits.settings as s
    cross join lateral (select now() at time zone s.business_time_zone as now) as t;

    select count(distinct g.user_id)
    into v_active_users_today
    from credits_monitoring.generation_facts as g
    where g.started_at >= v_today;

    -- Everything is read once. What was started this month has finished since, or has not yet.
    with seen as (
        select
            g.provider,
            g.status,
            g.started_at,
            g.finished_at,
            g.is_finished,
            g.cost_usd
        from credits_monitoring.generation_facts as g
        where g.finished_at >= least(v_this_month, v_week_ago)

        union all

        select
            g.provider,
            g.status,
            g.started_at,
            g.finished_at,
            g.is_finished,
            g.cost_usd
        from credits_monitoring.generation_facts as g
        where
            g.finished_at is null
            and g.started_at >= v_this_month
    ),

    -- Each generation counts where it was started, each cost where it finished, as in the views: a
    -- provider may have one without the other.
    providers as (
        select
            s.provider,
            count(*) filter (where s.started_at >= v_this_month) as generations,
            count(*) filter (where s.started_at >= v_today) as today,
            count(*) filter (
                where s.started_at >= v_this_month
                and s.status = 'succeeded'
            ) as succeeded,
            count(*) filter (
                where s.started_at >= v_this_month
                and s.status in ('failed', 'timed_out')
            ) as failed,
            count(*) filter (where s.finished_at >= v_this_month) as ended,
            coalesce(sum(s.cost_usd) filter (where s.finished_at >= v_this_month), 0) as cost_usd,
            coalesce(sum(s.cost_usd) filter (where s.finished_at >= v_today), 0) as today_usd,
            count(*) filter (
                where s.finished_at > v_week_ago
                and s.is_finished
            ) as finished_7_days,
            count(*) filter (
                where s.finished_at > v_week_ago
                and s.status = 'succeeded'
            ) as succeeded_7_days
        from seen as s
        group by s.provider
    )

    select
        jsonb_build_object(
            'generationsToday', coalesce(sum(p.today), 0),
            'costTodayUsd', coalesce(sum(p.today_usd), 0),
            'generationsThisMonth', coalesce(sum(p.generations), 0),
            'costThisMonthUsd', coalesce(sum(p.cost_usd), 0),
            'successRate7DaysPct',
            round(100.0 * sum(p.succeeded_7_days) / nullif(sum(p.finished_7_days), 0), 2)
        ),
        coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'provider', p.provider,
                    'generations', p.generations,
                    'succeeded', p.succeeded,
                    'failed', p.failed,
                    'costUsd', p.cost_usd,
                    'successRatePct',
                    round(100.0 * p.succeeded / nullif(p.succeeded + p.failed, 0), 2)
                )
                order by
                    p.generations desc,
                    p.provider
            ) filter (where p.generations > 0 or p.ended > 0),
            '[]'
        )
    into
        v_totals,
        v_providers
    from providers as p;

    select count(*)
    into v_refunds
    from credits.credit_transactions as t
    where
        t.transaction_type = 'refund'
        and t.created_at > v_week_ago;

    select
        jsonb_build_object(
            'usersWithCredits', coalesce(sum(b.users_with_credits), 0),
            'totalCreditsInCirculation', coalesce(sum(b.outstanding_credits), 0)
        )
    into v_credits
    from credits_monitoring.balances_by_plan as b;

    select
        coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'userId', f.user_id,
                    'generationId', f.generation_id,
                    'provider', f.provider,
                    'generationType', f.generation_type,
                    'errorType', f.error_type,
                    'errorMessage', f.error_message,
                    'finishedAt', credits_internal.utc_text(f.finished_at),
                    'creditsRefunded', f.credits_refunded
                )
                order by
                    f.finished_at desc,
                    f.generation_id desc
            ),
            '[]'
        )
    into v_failures
    from (
        select r.*
        from credits_monitoring.recent_failures as r
        order by
            r.finished_at desc,
            r.generation_id desc
        limit 10
    ) as f;

    select
        jsonb_build_object(
            'status', h.status,
            'reasons', h.reasons,
            'inFlight', h.in_flight,
            'stuck', h.stuck,
            'finished1h', h.finished_1h,
            'failures1h', h.failures_1h,
            'refundRate24hPct', h.refund_rate_24h_pct,
            'owedRefunds', h.owed_refunds,
            'owedCredits', h.owed_credits,
            'openAlerts', h.open_alerts,
            'ledgerViolations', h.ledger_violations,
            'lastMaintenanceAt', credits_internal.utc_text(h.last_maintenance_at)
        )
    into v_health
    from credits_monitoring.system_health as h;

    return v_totals || v_credits || jsonb_build_object(
        'activeUsersToday', v_active_users_today,
        'refundsLast7Days', v_refunds,
        'providerUsage', v_providers,
        'recentFailures', v_failures,
        'systemHealth', v_health
    );
end
$dashboard_stats$;

comment on function credits.dashboard_stats is
'The figures of an admin page, in one JSON object. Today and this month are those of the business '
'time zone; 7 days end now. Generations count where they were started, costs where they finished; '
'costs are those known. refundsLast7Days = refunds of the ledger. providerUsage = this month, '
'failed = failed or timed out. recentFailures = the last 10; their messages are hostile input. '
'Times are UTC.';

revoke all on function credits.dashboard_stats from public;
grant execute on function credits.dashboard_stats to credits_analyst;

-- procedures/maintenance/expire_user_credits.sql

-- Write the expiries that are due, user by user.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.expire_user_credits(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $expire_user_credits$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_served integer := 0;
    v_user_id uuid;
    v_user credits.user_credits;
    v_result credits.sweep_result;
begin
    perform credits_internal.require_limit(p_limit);

    -- More than are to be served, so that busy and broken users do not use up the limit.
    for v_user_id in
        select u.user_id
        from credits.user_credits as u
        where u.next_expiry_at <= v_now
        order by u.next_expiry_at
        limit p_limit + 1000::bigint
    loop
        exit when v_served = p_limit;

        v_result := (v_user_id, null, null, null)::credits.sweep_result;

        select u.*
        into v_user
        from credits.user_credits as u
        where
            u.user_id = v_user_id
            and u.next_expiry_at <= v_now
        for no key update skip locked;

        -- Busy, or served meanwhile: the next sweep looks again.
        continue when not found;

        -- One user's failure must not keep the others waiting. The lock stays when it is undone.
        begin
            select -sum(l.remaining)::bigint
            into v_result.credits
            from credits.credit_lots as l
            where
                l.user_id = v_user_id
                and not l.depleted
                and l.expires_at <= v_now;

            perform credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);
            v_served := v_served + 1;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others then
                v_result := credits_internal.failed_turn(
                    'expire_user_credits', v_user_id, null, sqlerrm
                );
        end;

        return next v_result;
    end loop;
end
$expire_user_credits$;

comment on function credits.expire_user_credits is
'Write the due expiries, and the rollover they bring, of up to so many users; busy users are left '
'for the next run. One row for each user: the credits that expired, negative as in the ledger, or '
'the error. Safe to run twice at once. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.expire_user_credits from public;
grant execute on function credits.expire_user_credits to credits_operator;

-- procedures/maintenance/retry_failed_refunds.sql

-- Pay refunds that raised an error when they were due.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.retry_failed_refunds(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $retry_failed_refunds$
begin
    perform credits_internal.require_limit(p_limit);

    return query
    select
        p.user_id,
        p.generation_id,
        p.credits_refunded,
        p.error
    from credits_internal.pay_listed(
        p_task => 'retry_failed_refunds',
        p_limit => p_limit,
        p_under_review => false
    ) as p;
end
$retry_failed_refunds$;

comment on function credits.retry_failed_refunds is
'Pay up to so many refunds that are owed because paying them failed: what was due then, not what '
'today''s policy says. Those under review are left to settle_owed_refunds, busy users to the next '
'run. One row for each: the credits refunded, or the error. Safe to run twice at once. '
'Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.retry_failed_refunds from public;
grant execute on function credits.retry_failed_refunds to credits_operator;

-- procedures/maintenance/run_maintenance.sql

-- Do everything that has to be done from time to time.
--
-- Errors: 40001, 40P01.

create or replace function credits.run_maintenance()
returns setof credits.maintenance_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $run_maintenance$
begin
    -- What waits is applied before anything times out, and alerts judge what is left of it all.
    return query
    select
        'apply_waiting_callbacks',
        count(*)
    from credits.apply_waiting_callbacks();

    return query
    select
        'sweep_stuck_generations',
        count(*)
    from credits.sweep_stuck_generations();

    return query
    select
        'retry_failed_refunds',
        count(*)
    from credits.retry_failed_refunds();

    return query
    select
        'expire_user_credits',
        count(*)
    from credits.expire_user_credits();

    return query
    select
        'apply_monthly_allowances',
        count(*)
    from credits.apply_monthly_allowances();

    return query
    select
        'check_ledger',
        count(*)
    from credits.check_ledger();

    return query
    select
        'check_alerts',
        coalesce(sum(c.opened + c.resolved), 0)::bigint
    from credits.check_alerts() as c;
end
$run_maintenance$;

comment on function credits.run_maintenance is
'Do what has to be done from time to time, in one transaction: apply waiting callbacks, give up on '
'what is stuck, retry refunds, expire credits, grant allowances, check the ledger, judge the '
'alerts. It never settles what is under review. Up to the default p_limit of each; pgcredits '
'maintain gives each a transaction of its own. One row for each: how many rows its function '
'returned; of check_alerts, how many alerts were opened and resolved. Call it in FROM.';

revoke all on function credits.run_maintenance from public;
grant execute on function credits.run_maintenance to credits_operator;

-- procedures/maintenance/settle_owed_refunds.sql

-- Show what is owed to users, then pay it; the only one that pays what is under review.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.settle_owed_refunds(
    p_dry_run boolean default true,
    p_limit integer default 1000
)
returns setof credits.owed_refund
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $settle_owed_refunds$
begin
    perform credits_internal.require_limit(p_limit);

    -- Null is not a clear order to pay.
    if p_dry_run is false then
        return query
        select p.*
        from credits_internal.pay_listed(
            p_task => 'settle_owed_refunds',
            p_limit => p_limit,
            p_under_review => true
        ) as p;

        return;
    end if;

    return query
    select
        g.user_id,
        g.generation_id,
        g.refund_due_credits - coalesce(r.refunded, 0),
        0::bigint,
        null::text
    from credits.generations as g
    left join credits.refund_totals as r
        on
            g.user_id = r.user_id
            and g.charge_transaction_id = r.transaction_id
    where
        g.refund_owed_since is not null
        and g.refund_due_credits > coalesce(r.refunded, 0)
    order by g.refund_owed_since
    limit p_limit;
end
$settle_owed_refunds$;

comment on function credits.settle_owed_refunds is
'What is owed to users, generation by generation: shown (p_dry_run, the default) or paid, those '
'under review, too. credits_owed is what was owed before, credits_refunded what this call paid. '
'Busy users are left for the next run. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.settle_owed_refunds from public;
grant execute on function credits.settle_owed_refunds to credits_operator;

-- procedures/maintenance/sweep_stuck_generations.sql

-- Give up on generations whose deadline has passed, user by user, and refund them.
--
-- Errors: PT422 invalid_argument, 40001, 40P01.

create or replace function credits.sweep_stuck_generations(
    p_limit integer default 100
)
returns setof credits.sweep_result
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $sweep_stuck_generations$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_served integer := 0;
    v_next record;
    v_generation credits.generations;
    v_result credits.generation_result;
begin
    perform credits_internal.require_limit(p_limit);

    -- More than are to be served, so that busy and broken users do not use up the limit.
    for v_next in
        select
            g.user_id,
            g.generation_id
        from credits.generations as g
        where
            g.finished_at is null
            and g.deadline_at <= v_now
        order by g.deadline_at
        limit p_limit + 1000::bigint
    loop
        exit when v_served = p_limit;

        -- Busy: the next sweep looks again.
        continue when not credits_internal.lock_idle_user(v_next.user_id);

        -- One user's failure must not keep the others waiting. The lock stays when it is undone.
        begin
            v_generation := credits_internal.lock_generation(
                v_next.user_id, v_next.generation_id
            );

            -- The provider may have said what became of it.
            if credits_internal.apply_waiting(v_generation, v_generation.provider_task_id) > 0 then
                v_generation := credits_internal.lock_generation(
                    v_next.user_id, v_next.generation_id
                );
            end if;

            continue when v_generation.finished_at is not null;

            v_result := credits_internal.apply_event(
                p_generation => v_generation,
                p_event => 'deadline',
                p_message => 'no answer came before the deadline'
            );
            v_served := v_served + 1;

            return next row(
                v_next.user_id,
                v_next.generation_id,
                v_result.credits_refunded,
                null
            )::credits.sweep_result;
        exception
            when serialization_failure or deadlock_detected then
                raise;
            when others then
                return next credits_internal.failed_turn(
                    'sweep_stuck_generations',
                    v_next.user_id,
                    v_next.generation_id,
                    sqlerrm
                );
        end;
    end loop;
end
$sweep_stuck_generations$;

comment on function credits.sweep_stuck_generations is
'Settle up to so many generations whose deadline has passed as timed_out, and refund them by '
'policy; busy users are left for the next run. One row for each: the credits refunded, or the '
'error. Safe to run twice at once. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.sweep_stuck_generations from public;
grant execute on function credits.sweep_stuck_generations to credits_operator;

-- views/usage/business_days.sql

-- The days of the platform's history, and when they begin and end: those that have 23 or 25 hours,
-- too.

create or replace view credits_monitoring.business_days as
with first_generation as (
    select min(g.created_at) as started_at
    from credits.generations as g
)

select
    d.day::date as day,
    d.day at time zone s.business_time_zone as starts_at,
    (d.day + interval '1 day') at time zone s.business_time_zone as ends_at
from credits.settings as s
cross join first_generation as f
cross join lateral generate_series(
    date_trunc(
        'day',
        least(s.history_starts_at, f.started_at) at time zone s.business_time_zone
    ),
    now() at time zone s.business_time_zone,
    interval '1 day'
) as d (day);

comment on view credits_monitoring.business_days is
'One row per day in the business time zone, from the installation, or the first generation '
'where that is older, to today. Join it by a range of time: a filter on day then reads only '
'that day.';
comment on column credits_monitoring.business_days.day is 'The day.';
comment on column credits_monitoring.business_days.starts_at is 'Its first moment.';
comment on column credits_monitoring.business_days.ends_at is 'The first moment of the next.';

revoke all on credits_monitoring.business_days from public;
grant select on credits_monitoring.business_days to credits_analyst;

-- views/usage/generation_facts.sql

-- What is true of a generation: the one place that says what finished, billed, cost and absorbed
-- mean. A column that is not asked for costs nothing, and neither does its join.

create or replace view credits_monitoring.generation_facts as
with known as (
    select
        g.*,
        r.last_refund_id,
        coalesce(g.cost_usd, g.quoted_cost_usd) as cost_if_billed_usd,
        case
            when g.status = 'succeeded' then coalesce(g.provider_billed, true)
            else g.provider_billed
        end as is_billed,
        coalesce(r.refunded, 0) as credits_refunded
    from credits.generations as g
    -- An aggregate, so that each row looks up its own: a join may read the refunds of all times to
    -- find those of a day.
    left join lateral (
        select
            sum(t.refunded)::bigint as refunded,
            (array_agg(t.last_refund_id))[1] as last_refund_id
        from credits.refund_totals as t
        where
            t.user_id = g.user_id
            and t.transaction_id = g.charge_transaction_id
    ) as r on true
)

select
    k.user_id,
    k.generation_id,
    k.provider,
    k.generation_type,
    k.status,
    k.error_type,
    k.error_code,
    k.error_message,
    k.created_at as started_at,
    k.finished_at,
    k.charge_transaction_id,
    k.last_refund_id,
    k.credits_charged,
    k.credits_refunded,
    k.is_billed,
    k.cost_if_billed_usd,
    extract(epoch from k.finished_at - k.created_at)::double precision as duration_seconds,
    k.status in ('succeeded', 'failed', 'timed_out') as is_finished,
    k.status in ('failed', 'timed_out')
    and coalesce(p.fault, a.fault, 'platform') = 'provider' as is_provider_fault,
    k.status in ('failed', 'timed_out', 'cancelled')
    and k.credits_refunded > 0 as is_refunded,
    case
        when k.is_billed then k.cost_if_billed_usd
        when not k.is_billed then 0
    end as cost_usd,
    case
        when k.is_billed and k.cost_usd is not null then 'billed'
        when k.is_billed and k.quoted_cost_usd is not null then 'quoted'
        else 'none'
    end as cost_source,
    k.status in ('failed', 'timed_out', 'cancelled')
    and coalesce(k.is_billed, false)
    and k.credits_refunded > 0 as is_absorbed
from known as k
left join credits.refund_policies as p on k.error_type = p.error_type
left join credits.refund_policies as a on a.error_type = '*';

comment on view credits_monitoring.generation_facts is
'One row per generation, with what the other views count. Texts of errors are hostile input: '
'show them as text.';
comment on column credits_monitoring.generation_facts.user_id is 'Who pays.';
comment on column credits_monitoring.generation_facts.generation_id is 'The generation.';
comment on column credits_monitoring.generation_facts.provider is 'Who does the work.';
comment on column credits_monitoring.generation_facts.generation_type is 'What is made.';
comment on column credits_monitoring.generation_facts.status is 'Where it stands.';
comment on column credits_monitoring.generation_facts.error_type is 'Kind of failure; null = none.';
comment on column credits_monitoring.generation_facts.error_code is 'The provider''s code for it.';
comment on column credits_monitoring.generation_facts.error_message is 'What was said of it.';
comment on column credits_monitoring.generation_facts.started_at is
'When it was started and charged.';
comment on column credits_monitoring.generation_facts.finished_at is
'When it succeeded, failed, was cancelled or timed out; null = in flight.';
comment on column credits_monitoring.generation_facts.charge_transaction_id is
'The deduction that paid for it.';
comment on column credits_monitoring.generation_facts.last_refund_id is
'The latest refund of it; null = none.';
comment on column credits_monitoring.generation_facts.credits_charged is
'Credits taken at the start.';
comment on column credits_monitoring.generation_facts.credits_refunded is
'Credits of these that came back until now.';
comment on column credits_monitoring.generation_facts.is_billed is
'Whether the provider bills it: it says so, or it succeeded and nothing is known; null = '
'unknown.';
comment on column credits_monitoring.generation_facts.cost_if_billed_usd is
'US dollars that the provider billed, else those that were quoted; null = unknown.';
comment on column credits_monitoring.generation_facts.duration_seconds is
'Seconds from the start to the end; null = in flight.';
comment on column credits_monitoring.generation_facts.is_finished is
'Whether it succeeded, failed or timed out: neither in flight nor cancelled.';
comment on column credits_monitoring.generation_facts.is_provider_fault is
'Whether it failed or timed out by the provider''s own fault (refund_policies; its row * for an '
'unknown kind).';
comment on column credits_monitoring.generation_facts.is_refunded is
'Whether it did not succeed and credits came back: a lower price of a success is no refund.';
comment on column credits_monitoring.generation_facts.cost_usd is
'The same where it is billed; 0 where it is not; null = unknown.';
comment on column credits_monitoring.generation_facts.cost_source is
'Where cost_usd is from: billed, quoted, or none.';
comment on column credits_monitoring.generation_facts.is_absorbed is
'Whether the platform bears the cost: billed, it did not succeed, and credits came back.';

revoke all on credits_monitoring.generation_facts from public;
grant select on credits_monitoring.generation_facts to credits_analyst;

-- views/health/alert_history.sql

-- Every alert, with the times at which something became of it.

create or replace view credits_monitoring.alert_history as
select
    a.user_id,
    a.alert_id,
    a.type,
    a.level::text as level,
    a.message,
    a.dedup_key,
    a.generation_id,
    a.provider,
    a.occurrences,
    a.created_at,
    a.first_seen_at,
    a.last_seen_at,
    a.notified_at,
    a.acknowledged_at,
    a.acknowledged_by,
    a.resolved_at,
    a.resolved_by
from credits.system_alerts as a;

comment on view credits_monitoring.alert_history is
'One row per alert, open or resolved. pgcredits alerts reads it, and so may any relay of your own: '
'what is new has a later created_at, notified_at or resolved_at.';
comment on column credits_monitoring.alert_history.user_id is
'Whom it is about; the nil uuid = the platform.';
comment on column credits_monitoring.alert_history.alert_id is 'Id of the alert.';
comment on column credits_monitoring.alert_history.type is
'What it is about, e.g. refund_failed.';
comment on column credits_monitoring.alert_history.level is
'How urgent it is: info, warning, error or critical; the highest level that was raised.';
comment on column credits_monitoring.alert_history.message is
'A sentence for people. May quote hostile input: show it as text.';
comment on column credits_monitoring.alert_history.dedup_key is
'What is the same alert again: a generation''s id, a provider, or empty.';
comment on column credits_monitoring.alert_history.generation_id is
'The generation that it is about; null = none.';
comment on column credits_monitoring.alert_history.provider is
'The provider that it is about; null = none.';
comment on column credits_monitoring.alert_history.occurrences is
'How often it was raised while open.';
comment on column credits_monitoring.alert_history.created_at is
'When it was opened.';
comment on column credits_monitoring.alert_history.first_seen_at is
'When it was first raised.';
comment on column credits_monitoring.alert_history.last_seen_at is
'When it was last raised.';
comment on column credits_monitoring.alert_history.notified_at is
'When listeners were last told that it is open: it was opened, escalated or due again then.';
comment on column credits_monitoring.alert_history.acknowledged_at is
'When somebody took it on; null = nobody has.';
comment on column credits_monitoring.alert_history.acknowledged_by is
'Who took it on.';
comment on column credits_monitoring.alert_history.resolved_at is
'When it was resolved; null = it is open.';
comment on column credits_monitoring.alert_history.resolved_by is
'Who or what resolved it; pgcredits = its cause was gone.';

revoke all on credits_monitoring.alert_history from public;
grant select on credits_monitoring.alert_history to credits_analyst;

-- views/health/balances_by_plan.sql

-- How many users are on each plan, and what they could spend now.

create or replace view credits_monitoring.balances_by_plan as
with expired as (
    select
        l.user_id,
        sum(l.remaining) as credits
    from credits.credit_lots as l
    where
        not l.depleted
        and l.expires_at <= now()
    group by l.user_id
),

spendable as (
    select
        u.plan,
        u.balance - coalesce(e.credits, 0) as credits
    from credits.user_credits as u
    left join expired as e on u.user_id = e.user_id
)

select
    s.plan,
    count(*) as users,
    count(*) filter (where s.credits > 0) as users_with_credits,
    sum(s.credits)::bigint as outstanding_credits
from spendable as s
group by s.plan;

comment on view credits_monitoring.balances_by_plan is
'One row per plan that has users; plan is null for users without one.';
comment on column credits_monitoring.balances_by_plan.plan is 'The plan; null = none.';
comment on column credits_monitoring.balances_by_plan.users is 'Users on it.';
comment on column credits_monitoring.balances_by_plan.users_with_credits is
'Those of them who could spend at least one credit now.';
comment on column credits_monitoring.balances_by_plan.outstanding_credits is
'Credits that they could spend now: expired ones do not count, swept or not.';

revoke all on credits_monitoring.balances_by_plan from public;
grant select on credits_monitoring.balances_by_plan to credits_analyst;

-- views/health/credit_liability.sql

-- What is still owed to users as credits, by where it came from and when it expires.

create or replace view credits_monitoring.credit_liability as
select
    l.source::text as source,
    date_trunc('month', l.expires_at at time zone s.business_time_zone)::date as expires_month,
    count(*) as lots,
    sum(l.remaining)::bigint as outstanding_credits,
    sum(l.remaining * l.unit_price_usd) as sold_for_usd
from credits.credit_lots as l
cross join credits.settings as s
where
    not l.depleted
    and (l.expires_at is null or l.expires_at > now())
group by
    l.source,
    date_trunc('month', l.expires_at at time zone s.business_time_zone)::date;

comment on view credits_monitoring.credit_liability is
'One row per source and month of expiry: the credits that users can still spend.';
comment on column credits_monitoring.credit_liability.source is 'Where the credits came from.';
comment on column credits_monitoring.credit_liability.expires_month is
'First day of the month, in the business time zone, in which they expire; null = never.';
comment on column credits_monitoring.credit_liability.lots is 'Lots that hold them.';
comment on column credits_monitoring.credit_liability.outstanding_credits is
'Credits left in these lots.';
comment on column credits_monitoring.credit_liability.sold_for_usd is
'US dollars that these credits were sold for, as far as lots carry a price; null = none does.';

revoke all on credits_monitoring.credit_liability from public;
grant select on credits_monitoring.credit_liability to credits_analyst;

-- views/health/open_alerts.sql

-- What calls for a person.

create or replace view credits_monitoring.open_alerts as
select
    a.type,
    a.level,
    a.message,
    a.user_id,
    a.provider,
    a.occurrences,
    a.first_seen_at,
    a.last_seen_at,
    a.acknowledged_by,
    a.alert_id,
    a.dedup_key,
    a.generation_id,
    a.acknowledged_at,
    a.notified_at
from credits.system_alerts as a
where a.resolved_at is null;

comment on view credits_monitoring.open_alerts is
'One row per open alert. Messages may quote hostile input: show them as text.';
comment on column credits_monitoring.open_alerts.type is 'What it is about: see alert_rules.';
comment on column credits_monitoring.open_alerts.level is
'How urgent it is: info, warning, error or critical.';
comment on column credits_monitoring.open_alerts.message is 'What happened.';
comment on column credits_monitoring.open_alerts.user_id is
'Whom it is about; the nil uuid = the platform.';
comment on column credits_monitoring.open_alerts.provider is
'The provider that it is about; null = none.';
comment on column credits_monitoring.open_alerts.occurrences is
'How often it was raised while open.';
comment on column credits_monitoring.open_alerts.first_seen_at is 'When it was first raised.';
comment on column credits_monitoring.open_alerts.last_seen_at is 'When it was last raised.';
comment on column credits_monitoring.open_alerts.acknowledged_by is
'Who has taken it on; null = nobody.';
comment on column credits_monitoring.open_alerts.alert_id is
'The alert: acknowledge_alert and resolve_alert take it with user_id.';
comment on column credits_monitoring.open_alerts.dedup_key is
'What tells it from others of its type: a provider, a generation, or nothing.';
comment on column credits_monitoring.open_alerts.generation_id is
'The generation that it is about; null = none.';
comment on column credits_monitoring.open_alerts.acknowledged_at is 'When it was taken on.';
comment on column credits_monitoring.open_alerts.notified_at is
'When listeners were last told of it.';

revoke all on credits_monitoring.open_alerts from public;
grant select on credits_monitoring.open_alerts to credits_analyst;

-- views/health/stuck_generations.sql

-- What should have finished by now.

create or replace view credits_monitoring.stuck_generations as
select
    g.user_id,
    g.generation_id,
    g.provider,
    g.status,
    g.deadline_at,
    extract(epoch from now() - g.deadline_at)::bigint as overdue_seconds
from credits.generations as g
where
    g.finished_at is null
    and g.deadline_at < now();

comment on view credits_monitoring.stuck_generations is
'One row per generation in flight past its deadline: sweep_stuck_generations times it out and '
'gives the credits back.';
comment on column credits_monitoring.stuck_generations.user_id is 'Who paid.';
comment on column credits_monitoring.stuck_generations.generation_id is 'The generation.';
comment on column credits_monitoring.stuck_generations.provider is 'Who should be doing the work.';
comment on column credits_monitoring.stuck_generations.status is
'Where it stands: pending or processing.';
comment on column credits_monitoring.stuck_generations.deadline_at is
'When it should have finished.';
comment on column credits_monitoring.stuck_generations.overdue_seconds is 'Seconds since then.';

revoke all on credits_monitoring.stuck_generations from public;
grant select on credits_monitoring.stuck_generations to credits_analyst;

-- views/refunds/users_needing_refunds.sql

-- Who was charged, saw the generation not succeed, and was not given back what the policy says.

create or replace view credits_monitoring.users_needing_refunds as
with owed as (
    select
        g.*,
        coalesce(r.refunded, 0) as credits_refunded,
        g.refund_due_credits - coalesce(r.refunded, 0) as credits_owed,
        extract(epoch from now() - g.refund_owed_since)::bigint as age_seconds
    from credits.generations as g
    left join credits.refund_totals as r
        on
            g.user_id = r.user_id
            and g.charge_transaction_id = r.transaction_id
    where
        -- Which generations these are is noted when paying fails, so that this never reads all of
        -- them; verify_ledger proves that none is missing.
        g.refund_owed_since is not null
        and not g.owed_review
)

select
    o.user_id,
    o.generation_id,
    o.provider,
    o.error_type,
    o.finished_at,
    o.refund_due_credits as credits_due,
    o.credits_refunded,
    o.credits_owed,
    o.age_seconds,
    e.message as last_error
from owed as o
left join lateral (
    select (array_agg(f.message order by f.event_no desc))[1] as message
    from credits.generation_events as f
    where
        f.user_id = o.user_id
        and f.generation_id = o.generation_id
        and f.event = 'refund_failed'
) as e on true
where o.credits_owed > 0;

comment on view credits_monitoring.users_needing_refunds is
'One row per generation whose user is still to have credits back, those under review left out. '
'retry_failed_refunds and settle_owed_refunds pay them.';
comment on column credits_monitoring.users_needing_refunds.user_id is 'Whom it is owed to.';
comment on column credits_monitoring.users_needing_refunds.generation_id is 'The generation.';
comment on column credits_monitoring.users_needing_refunds.provider is 'Who did the work.';
comment on column credits_monitoring.users_needing_refunds.error_type is
'Kind of failure; null = it succeeded at a lower price.';
comment on column credits_monitoring.users_needing_refunds.finished_at is 'When it finished.';
comment on column credits_monitoring.users_needing_refunds.credits_due is
'Credits that were to come back.';
comment on column credits_monitoring.users_needing_refunds.credits_refunded is
'Credits that came back so far.';
comment on column credits_monitoring.users_needing_refunds.credits_owed is
'Credits that are still to come back.';
comment on column credits_monitoring.users_needing_refunds.age_seconds is
'Seconds since it is owed.';
comment on column credits_monitoring.users_needing_refunds.last_error is
'Why it could not be paid.';

revoke all on credits_monitoring.users_needing_refunds from public;
grant select on credits_monitoring.users_needing_refunds to credits_analyst;

-- views/integrity/ledger_entries.sql

-- The ledger in double entry: what enters a wallet leaves another account, and the other way round.

create or replace view credits_monitoring.ledger_entries as
select
    t.user_id,
    t.seq,
    t.created_at as at,
    case
        when leg.is_wallet then 'wallet'
        when t.transaction_type = 'grant' then 'issued'
        when t.transaction_type = 'expiry' then 'expired'
        when t.transaction_type = 'revocation' then 'revoked'
        else 'used'
    end as account,
    case when leg.is_wallet then t.credits else -t.credits end as credits
from credits.credit_transactions as t
cross join (
    values (true), (false)
) as leg (is_wallet);

comment on view credits_monitoring.ledger_entries is
'Two rows per ledger row: the user''s wallet, and the account that its credits came from or went '
'to. The two sum to 0.';
comment on column credits_monitoring.ledger_entries.user_id is 'Whose credits moved.';
comment on column credits_monitoring.ledger_entries.seq is
'Position in the user''s ledger: 1, 2, 3 without gaps.';
comment on column credits_monitoring.ledger_entries.at is 'When, by the server''s clock.';
comment on column credits_monitoring.ledger_entries.account is
'wallet (what users hold), issued (granted), used (deductions less refunds), expired, or revoked.';
comment on column credits_monitoring.ledger_entries.credits is
'Credits: positive into the account, negative out of it.';

revoke all on credits_monitoring.ledger_entries from public;
grant select on credits_monitoring.ledger_entries to credits_analyst;

-- views/integrity/schema_inventory.sql

-- What is installed here, and from which files.

create or replace view credits_monitoring.schema_inventory as
select
    m.kind,
    m.name,
    m.source_sha256,
    m.installed_at,
    m.package_version
from credits_deploy.manifest as m;

comment on view credits_monitoring.schema_inventory is
'One row per installed object and per applied migration. pgcredits check compares it with what is '
'there.';
comment on column credits_monitoring.schema_inventory.kind is
'migration, function, view, table, constraint, ...';
comment on column credits_monitoring.schema_inventory.name is 'Name of the object or migration.';
comment on column credits_monitoring.schema_inventory.source_sha256 is
'sha256 of the file that it came from, in hexadecimal; null for what migrations made.';
comment on column credits_monitoring.schema_inventory.installed_at is
'When it was last installed.';
comment on column credits_monitoring.schema_inventory.package_version is
'The pgcredits that installed it.';

revoke all on credits_monitoring.schema_inventory from public;
grant select on credits_monitoring.schema_inventory to credits_analyst;

-- views/integrity/user_statement.sql

-- A user's ledger as a statement: every row with the balance after it.

create or replace view credits_monitoring.user_statement as
select
    t.user_id,
    t.seq,
    t.created_at as at,
    t.transaction_type::text as transaction_type,
    t.credits,
    t.balance_after,
    t.generation_id,
    t.reason
from credits.credit_transactions as t;

comment on view credits_monitoring.user_statement is
'One row per ledger row: every movement of every user''s credits, with the balance after it.';
comment on column credits_monitoring.user_statement.user_id is 'Whose credits moved.';
comment on column credits_monitoring.user_statement.seq is
'Position in the user''s ledger: 1, 2, 3 without gaps.';
comment on column credits_monitoring.user_statement.at is 'When, by the server''s clock.';
comment on column credits_monitoring.user_statement.transaction_type is
'grant, deduction, refund, expiry or revocation.';
comment on column credits_monitoring.user_statement.credits is
'Credits moved: positive into the user''s balance, negative out of it.';
comment on column credits_monitoring.user_statement.balance_after is
'The balance with this row, in credits.';
comment on column credits_monitoring.user_statement.generation_id is
'The generation paid or refunded; null = none.';
comment on column credits_monitoring.user_statement.reason is 'Why, in the caller''s words.';

revoke all on credits_monitoring.user_statement from public;
grant select on credits_monitoring.user_statement to credits_analyst;

-- views/costs/absorbed_costs_daily.sql

-- What providers bill, or may bill, for what was given back.

create or replace view credits_monitoring.absorbed_costs_daily as
select
    d.day,
    g.provider,
    count(*) filter (where g.is_absorbed) as generations,
    coalesce(sum(g.cost_usd) filter (where g.is_absorbed), 0) as cost_usd,
    coalesce(sum(g.cost_if_billed_usd) filter (where g.is_billed is null), 0)
        as unknown_billing_cost_usd
from credits_monitoring.business_days as d
cross join
    lateral (
        select g.*
        from credits_monitoring.generation_facts as g
        where
            g.finished_at >= d.starts_at
            and g.finished_at < d.ends_at
        -- A fence: each day reads its own part of the index, and no other.
        offset 0
    ) as g
where
    g.is_refunded
    and g.is_billed is distinct from false
group by
    d.day,
    g.provider;

comment on view credits_monitoring.absorbed_costs_daily is
'One row per day of finish and provider on which anything was given back that is billed, or may '
'be. Days are those of the business time zone.';
comment on column credits_monitoring.absorbed_costs_daily.day is 'Day of the finish.';
comment on column credits_monitoring.absorbed_costs_daily.provider is 'Who did the work.';
comment on column credits_monitoring.absorbed_costs_daily.generations is
'Generations that did not succeed, were given back, and are billed.';
comment on column credits_monitoring.absorbed_costs_daily.cost_usd is
'US dollars of these, as far as known.';
comment on column credits_monitoring.absorbed_costs_daily.unknown_billing_cost_usd is
'US dollars, as quoted, of those given back of which nobody knows whether they are billed.';

revoke all on credits_monitoring.absorbed_costs_daily from public;
grant select on credits_monitoring.absorbed_costs_daily to credits_analyst;

-- views/costs/generation_costs.sql

-- What each generation brought in, and what it cost.

create or replace view credits_monitoring.generation_costs as
select
    g.user_id,
    g.generation_id,
    g.provider,
    g.generation_type,
    g.status,
    g.started_at,
    g.finished_at,
    g.credits_charged,
    g.credits_refunded,
    g.credits_charged - g.credits_refunded as credits_net,
    r.revenue_usd,
    g.cost_usd,
    g.cost_source,
    r.revenue_usd - g.cost_usd as margin_usd,
    g.is_absorbed
from credits_monitoring.generation_facts as g
left join lateral (
    select
        -- What came back to another lot came back at the same price.
        case
            when
                coalesce(sum((a.leg ->> 'credits')::bigint) filter (
                    where l.unit_price_usd is null
                ), 0) = 0
                then -coalesce(sum((a.leg ->> 'credits')::bigint * l.unit_price_usd), 0)
        end as revenue_usd
    from credits.credit_transactions as t
    cross join lateral jsonb_array_elements(t.allocations) as a (leg)
    inner join credits.credit_lots as l
        on
            t.user_id = l.user_id
            and (a.leg ->> 'lot_id')::uuid = l.lot_id
    where
        t.user_id = g.user_id
        -- Ids are in the order of time: its refunds lie between these two.
        and t.transaction_id >= g.charge_transaction_id
        and t.transaction_id <= coalesce(g.last_refund_id, g.charge_transaction_id)
        and (
            t.transaction_id = g.charge_transaction_id
            or t.refund_of = g.charge_transaction_id
        )
) as r on true;

comment on view credits_monitoring.generation_costs is
'One row per generation: its credits, what those were sold for, and what the provider bills.';
comment on column credits_monitoring.generation_costs.user_id is 'Who paid.';
comment on column credits_monitoring.generation_costs.generation_id is 'The generation.';
comment on column credits_monitoring.generation_costs.provider is 'Who did the work.';
comment on column credits_monitoring.generation_costs.generation_type is 'What was made.';
comment on column credits_monitoring.generation_costs.status is 'Where it stands.';
comment on column credits_monitoring.generation_costs.started_at is
'When it was started and charged.';
comment on column credits_monitoring.generation_costs.finished_at is
'When it finished; null = in flight.';
comment on column credits_monitoring.generation_costs.credits_charged is
'Credits taken at the start.';
comment on column credits_monitoring.generation_costs.credits_refunded is
'Credits of these that came back until now.';
comment on column credits_monitoring.generation_costs.credits_net is
'Credits that it costs the user now.';
comment on column credits_monitoring.generation_costs.revenue_usd is
'US dollars that these were sold for; null = a lot has no price.';
comment on column credits_monitoring.generation_costs.cost_usd is
'US dollars that the provider bills, else what was quoted; 0 = it bills nothing; null = '
'unknown.';
comment on column credits_monitoring.generation_costs.cost_source is
'Where cost_usd is from: billed, quoted, or none.';
comment on column credits_monitoring.generation_costs.margin_usd is
'revenue_usd less cost_usd; null = one of them is unknown.';
comment on column credits_monitoring.generation_costs.is_absorbed is
'Whether the platform bears the cost: billed, it did not succeed, and credits came back.';

revoke all on credits_monitoring.generation_costs from public;
grant select on credits_monitoring.generation_costs to credits_analyst;

-- views/costs/provider_costs_daily.sql

-- What each provider's work cost in each day.

create or replace view credits_monitoring.provider_costs_daily as
select
    d.day,
    g.provider,
    count(*) filter (where g.is_billed) as billed_generations,
    sum(g.cost_usd) filter (where g.is_billed) as cost_usd,
    min(g.cost_usd) filter (where g.is_billed) as min_cost_usd,
    round(avg(g.cost_usd) filter (where g.is_billed), 6) as avg_cost_usd,
    max(g.cost_usd) filter (where g.is_billed) as max_cost_usd,
    coalesce(sum(g.cost_usd) filter (where g.is_absorbed), 0) as absorbed_cost_usd,
    count(*) filter (where g.is_billed is null) as unknown_billing
from credits_monitoring.business_days as d
cross join
    lateral (
        select g.*
        from credits_monitoring.generation_facts as g
        where
            g.finished_at >= d.starts_at
            and g.finished_at < d.ends_at
        -- A fence: each day reads its own part of the index, and no other.
        offset 0
    ) as g
group by
    d.day,
    g.provider;

comment on view credits_monitoring.provider_costs_daily is
'One row per day of finish and provider. Billed = the provider says so, or it succeeded and '
'nothing is known; cost = what was billed, else what was quoted. Days are those of the business '
'time zone.';
comment on column credits_monitoring.provider_costs_daily.day is 'Day of the finish.';
comment on column credits_monitoring.provider_costs_daily.provider is 'Who did the work.';
comment on column credits_monitoring.provider_costs_daily.billed_generations is
'Generations that the provider bills.';
comment on column credits_monitoring.provider_costs_daily.cost_usd is
'US dollars of these, as far as known; null = of none.';
comment on column credits_monitoring.provider_costs_daily.min_cost_usd is
'US dollars of the cheapest of these.';
comment on column credits_monitoring.provider_costs_daily.avg_cost_usd is
'US dollars of one of these, on average of those known.';
comment on column credits_monitoring.provider_costs_daily.max_cost_usd is
'US dollars of the dearest of these.';
comment on column credits_monitoring.provider_costs_daily.absorbed_cost_usd is
'US dollars of those of these that did not succeed and were given back.';
comment on column credits_monitoring.provider_costs_daily.unknown_billing is
'Generations that did not succeed, of which nobody knows whether they are billed.';

revoke all on credits_monitoring.provider_costs_daily from public;
grant select on credits_monitoring.provider_costs_daily to credits_analyst;

-- views/costs/provider_costs_monthly.sql

-- What each provider's work cost in each month.

create or replace view credits_monitoring.provider_costs_monthly as
with finished as (
    select
        g.*,
        date_trunc('month', d.day)::date as month
    from credits_monitoring.business_days as d
    cross join lateral (
        select g.*
        from credits_monitoring.generation_facts as g
        where
            g.finished_at >= d.starts_at
            and g.finished_at < d.ends_at
        -- A fence: each day reads its own part of the index, and no other.
        offset 0
    ) as g
)

select
    g.month,
    g.provider,
    count(*) filter (where g.is_billed) as billed_generations,
    sum(g.cost_usd) filter (where g.is_billed) as cost_usd,
    min(g.cost_usd) filter (where g.is_billed) as min_cost_usd,
    round(avg(g.cost_usd) filter (where g.is_billed), 6) as avg_cost_usd,
    max(g.cost_usd) filter (where g.is_billed) as max_cost_usd,
    coalesce(sum(g.cost_usd) filter (where g.is_absorbed), 0) as absorbed_cost_usd,
    count(*) filter (where g.is_billed is null) as unknown_billing
from finished as g
group by
    g.month,
    g.provider;

comment on view credits_monitoring.provider_costs_monthly is
'One row per month of finish and provider. Billed = the provider says so, or it succeeded and '
'nothing is known; cost = what was billed, else what was quoted. Months are those of the '
'business time zone.';
comment on column credits_monitoring.provider_costs_monthly.month is
'First day of the month of the finish.';
comment on column credits_monitoring.provider_costs_monthly.provider is 'Who did the work.';
comment on column credits_monitoring.provider_costs_monthly.billed_generations is
'Generations that the provider bills.';
comment on column credits_monitoring.provider_costs_monthly.cost_usd is
'US dollars of these, as far as known; null = of none.';
comment on column credits_monitoring.provider_costs_monthly.min_cost_usd is
'US dollars of the cheapest of these.';
comment on column credits_monitoring.provider_costs_monthly.avg_cost_usd is
'US dollars of one of these, on average of those known.';
comment on column credits_monitoring.provider_costs_monthly.max_cost_usd is
'US dollars of the dearest of these.';
comment on column credits_monitoring.provider_costs_monthly.absorbed_cost_usd is
'US dollars of those of these that did not succeed and were given back.';
comment on column credits_monitoring.provider_costs_monthly.unknown_billing is
'Generations that did not succeed, of which nobody knows whether they are billed.';

revoke all on credits_monitoring.provider_costs_monthly from public;
grant select on credits_monitoring.provider_costs_monthly to credits_analyst;

-- views/health/provider_reliability.sql

-- How each provider did within the last hour, day, week and month.

create or replace view credits_monitoring.provider_reliability as
with recent as (
    select
        g.provider,
        g.status,
        g.error_type,
        g.finished_at,
        g.duration_seconds,
        g.is_provider_fault
    from credits_monitoring.generation_facts as g
    where
        g.finished_at > now() - interval '30 days'
        and g.is_finished
),

latest as (
    select
        r.provider,
        max(r.finished_at) filter (where r.status = 'succeeded') as last_success_at
    from recent as r
    group by r.provider
),

in_a_row as (
    select
        r.provider,
        count(*) filter (where r.is_provider_fault) as failures
    from recent as r
    inner join latest as l on r.provider = l.provider
    where
        l.last_success_at is null
        or r.finished_at > l.last_success_at
    group by r.provider
)

select
    l.provider,
    w.time_window,
    count(r.finished_at) as finished,
    round(
        100.0 * count(*) filter (where r.status = 'succeeded') / nullif(count(r.finished_at), 0), 2
    ) as success_rate_pct,
    round(
        100.0 * count(*) filter (where r.is_provider_fault) / nullif(count(r.finished_at), 0), 2
    ) as provider_fault_rate_pct,
    round((percentile_cont(0.5) within group (order by r.duration_seconds))::numeric, 3)
        as p50_duration_seconds,
    round((percentile_cont(0.95) within group (order by r.duration_seconds))::numeric, 3)
        as p95_duration_seconds,
    l.last_success_at,
    coalesce(i.failures, 0) as consecutive_failures,
    mode() within group (order by r.error_type)
    filter (where r.status <> 'succeeded') as top_error_type
from latest as l
cross join (
    values
    ('1h', interval '1 hour'),
    ('24h', interval '24 hours'),
    ('7d', interval '7 days'),
    ('30d', interval '30 days')
) as w (time_window, length)
left join in_a_row as i on l.provider = i.provider
left join recent as r
    on
        l.provider = r.provider
        and r.finished_at > now() - w.length
group by
    l.provider,
    w.time_window,
    l.last_success_at,
    i.failures;

comment on view credits_monitoring.provider_reliability is
'Four rows per provider that finished anything within 30 days: succeeded, failed or timed out.';
comment on column credits_monitoring.provider_reliability.provider is 'Who did the work.';
comment on column credits_monitoring.provider_reliability.time_window is
'How far back it looks: 1h, 24h, 7d or 30d.';
comment on column credits_monitoring.provider_reliability.finished is
'Generations that succeeded, failed or timed out within it.';
comment on column credits_monitoring.provider_reliability.success_rate_pct is
'Percent of these that succeeded; null = nothing finished.';
comment on column credits_monitoring.provider_reliability.provider_fault_rate_pct is
'Percent of these that failed by the provider''s own fault (refund_policies); null = nothing '
'finished.';
comment on column credits_monitoring.provider_reliability.p50_duration_seconds is
'Seconds from start to finish that half of them did not exceed.';
comment on column credits_monitoring.provider_reliability.p95_duration_seconds is
'Seconds from start to finish that 95 percent of them did not exceed.';
comment on column credits_monitoring.provider_reliability.last_success_at is
'When it last succeeded; null = not within 30 days.';
comment on column credits_monitoring.provider_reliability.consecutive_failures is
'Failures by its own fault since then; others in between end the alert provider_down, but not '
'this count.';
comment on column credits_monitoring.provider_reliability.top_error_type is
'Most frequent kind of failure within the window, of several the first by name; null = none '
'failed.';

revoke all on credits_monitoring.provider_reliability from public;
grant select on credits_monitoring.provider_reliability to credits_analyst;

-- views/refunds/recent_failures.sql

-- What failed, the latest first, and what came back of it.

create or replace view credits_monitoring.recent_failures as
select
    g.finished_at,
    g.user_id,
    g.provider,
    g.generation_type,
    g.error_type,
    g.error_code,
    g.error_message,
    g.credits_charged,
    f.credits_refunded,
    f.is_refunded as refunded,
    r.seconds_to_refund,
    g.generation_id
from credits.generations as g
-- The index on finished_at serves the order, and what else is to be known is looked up for each:
-- the latest few are read without all the others.
cross join
    lateral (
        select
            k.credits_refunded,
            k.is_refunded,
            k.last_refund_id
        from credits_monitoring.generation_facts as k
        where
            k.user_id = g.user_id
            and k.generation_id = g.generation_id
        offset 0
    ) as f
left join lateral (
    select
        max(greatest(0, extract(epoch from t.created_at - g.finished_at)))::double precision
            as seconds_to_refund
    from credits.credit_transactions as t
    where
        t.user_id = g.user_id
        and t.transaction_id = f.last_refund_id
) as r on true
where
    g.finished_at is not null
    and g.status in ('failed', 'timed_out')
order by g.finished_at desc;

comment on view credits_monitoring.recent_failures is
'One row per generation that failed or timed out, the latest first: limit and a filter on '
'finished_at read no more than they show. Texts of errors are hostile input: show them as text.';
comment on column credits_monitoring.recent_failures.finished_at is 'When it failed.';
comment on column credits_monitoring.recent_failures.user_id is 'Who paid.';
comment on column credits_monitoring.recent_failures.provider is 'Who did the work.';
comment on column credits_monitoring.recent_failures.generation_type is 'What was to be made.';
comment on column credits_monitoring.recent_failures.error_type is 'Kind of failure.';
comment on column credits_monitoring.recent_failures.error_code is 'The provider''s code for it.';
comment on column credits_monitoring.recent_failures.error_message is 'What was said of it.';
comment on column credits_monitoring.recent_failures.credits_charged is
'Credits taken at the start.';
comment on column credits_monitoring.recent_failures.credits_refunded is
'Credits of these that came back until now.';
comment on column credits_monitoring.recent_failures.refunded is 'Whether any came back.';
comment on column credits_monitoring.recent_failures.seconds_to_refund is
'Seconds from the failure to the latest refund; null = none.';
comment on column credits_monitoring.recent_failures.generation_id is 'The generation.';

revoke all on credits_monitoring.recent_failures from public;
grant select on credits_monitoring.recent_failures to credits_analyst;

-- views/refunds/refund_rate_daily.sql

-- Which share of what finished on each day was given back, against the target.

create or replace view credits_monitoring.refund_rate_daily as
with rates as (
    select
        d.day,
        g.provider,
        count(*) as finished,
        count(*) filter (where g.is_refunded) as refunded,
        100.0 * count(*) filter (where g.is_refunded) / count(*) as rate_pct
    from credits_monitoring.business_days as d
    cross join
        lateral (
            select g.*
            from credits_monitoring.generation_facts as g
            where
                g.finished_at >= d.starts_at
                and g.finished_at < d.ends_at
            -- A fence: each day reads its own part of the index, and no other.
            offset 0
        ) as g
    where g.is_finished
    group by
        d.day,
        g.provider
)

select
    r.day,
    r.provider,
    r.finished,
    r.refunded,
    round(r.rate_pct, 2) as refund_rate_pct,
    s.refund_rate_target_pct as target_pct,
    r.rate_pct <= s.refund_rate_target_pct as within_target
from rates as r
cross join credits.settings as s;

comment on view credits_monitoring.refund_rate_daily is
'One row per day of finish and provider with anything finished: succeeded, failed or timed out. '
'Days are those of the business time zone.';
comment on column credits_monitoring.refund_rate_daily.day is 'Day of the finish.';
comment on column credits_monitoring.refund_rate_daily.provider is 'Who did the work.';
comment on column credits_monitoring.refund_rate_daily.finished is
'Generations that succeeded, failed or timed out.';
comment on column credits_monitoring.refund_rate_daily.refunded is
'Those of them that did not succeed and of which credits came back, whenever that was.';
comment on column credits_monitoring.refund_rate_daily.refund_rate_pct is
'These in percent of what finished.';
comment on column credits_monitoring.refund_rate_daily.target_pct is
'Percent that is still acceptable: settings.refund_rate_target_pct.';
comment on column credits_monitoring.refund_rate_daily.within_target is
'Whether the rate is at most that.';

revoke all on credits_monitoring.refund_rate_daily from public;
grant select on credits_monitoring.refund_rate_daily to credits_analyst;

-- views/refunds/refunds_by_reason_daily.sql

-- Why credits came back on each day.

create or replace view credits_monitoring.refunds_by_reason_daily as
select
    d.day,
    t.error_type,
    count(*) as refunds,
    sum(t.credits)::bigint as credits_refunded,
    count(distinct t.user_id) as users,
    coalesce(sum(t.absorbed_cost_usd), 0) as absorbed_cost_usd
from credits_monitoring.business_days as d
cross join
    lateral (
        select
            r.user_id,
            r.credits,
            g.error_type,
            g.absorbed_cost_usd
        from credits.credit_transactions as r
        left join lateral (
            select
                f.error_type,
                -- Of several refunds, one carries the cost: the latest.
                case
                    when f.is_absorbed and f.last_refund_id = r.transaction_id then f.cost_usd
                end as absorbed_cost_usd
            from credits_monitoring.generation_facts as f
            where
                f.user_id = r.user_id
                and f.generation_id = r.generation_id
            offset 0
        ) as g on true
        where
            r.transaction_type = 'refund'
            and r.created_at >= d.starts_at
            and r.created_at < d.ends_at
        -- A fence: each day reads its own part of the index, and no other.
        offset 0
    ) as t
group by
    d.day,
    t.error_type;

comment on view credits_monitoring.refunds_by_reason_daily is
'One row per day of the refund and kind of failure: every refund of the ledger is in one. Days '
'are those of the business time zone.';
comment on column credits_monitoring.refunds_by_reason_daily.day is 'Day of the refund.';
comment on column credits_monitoring.refunds_by_reason_daily.error_type is
'Kind of failure of its generation; null = none: a lower price or goodwill after a success, or '
'a deduction without a generation.';
comment on column credits_monitoring.refunds_by_reason_daily.refunds is
'Refunds: rows of the ledger.';
comment on column credits_monitoring.refunds_by_reason_daily.credits_refunded is
'Credits that came back.';
comment on column credits_monitoring.refunds_by_reason_daily.users is
'Users to whom they came back.';
comment on column credits_monitoring.refunds_by_reason_daily.absorbed_cost_usd is
'US dollars that providers bill for what was given back, each generation at its latest refund.';

revoke all on credits_monitoring.refunds_by_reason_daily from public;
grant select on credits_monitoring.refunds_by_reason_daily to credits_analyst;

-- views/usage/active_users_daily.sql

-- Who used the platform in each day, and who was new.

create or replace view credits_monitoring.active_users_daily as
with users as (
    select
        g.user_id,
        d.day,
        min(d.starts_at) as starts_at,
        count(*) as generations,
        sum(g.credits_charged) as credits_charged
    from credits_monitoring.business_days as d
    cross join
        lateral (
            select g.*
            from credits_monitoring.generation_facts as g
            where
                g.started_at >= d.starts_at
                and g.started_at < d.ends_at
            -- A fence: each day reads its own part of the index, and no other.
            offset 0
        ) as g
    group by
        d.day,
        g.user_id
)

select
    u.day,
    count(*) as active_users,
    -- Looked up for each: one earlier generation is enough.
    count(*) filter (
        where not exists (
            select
            from credits.generations as e
            where
                e.user_id = u.user_id
                and e.created_at < u.starts_at
        )
    ) as new_users,
    sum(u.generations)::bigint as generations,
    sum(u.credits_charged)::bigint as credits_charged
from users as u
group by u.day;

comment on view credits_monitoring.active_users_daily is
'One row per day of start in which anything was started. Days are those of the business time '
'zone.';
comment on column credits_monitoring.active_users_daily.day is 'Day of the start.';
comment on column credits_monitoring.active_users_daily.active_users is
'Users who started any generation.';
comment on column credits_monitoring.active_users_daily.new_users is
'Of these, those who had started none before that day.';
comment on column credits_monitoring.active_users_daily.generations is 'Generations started.';
comment on column credits_monitoring.active_users_daily.credits_charged is
'Credits charged for them.';

revoke all on credits_monitoring.active_users_daily from public;
grant select on credits_monitoring.active_users_daily to credits_analyst;

-- views/usage/active_users_monthly.sql

-- Who used the platform in each month, and who was new.

create or replace view credits_monitoring.active_users_monthly as
with users as (
    select
        g.user_id,
        date_trunc('month', d.day)::date as month,
        min(d.starts_at) as starts_at,
        count(*) as generations,
        sum(g.credits_charged) as credits_charged
    from credits_monitoring.business_days as d
    cross join
        lateral (
            select g.*
            from credits_monitoring.generation_facts as g
            where
                g.started_at >= d.starts_at
                and g.started_at < d.ends_at
            -- A fence: each day reads its own part of the index, and no other.
            offset 0
        ) as g
    group by
        date_trunc('month', d.day)::date,
        g.user_id
)

select
    u.month,
    count(*) as active_users,
    -- Looked up for each: one earlier generation is enough.
    count(*) filter (
        where not exists (
            select
            from credits.generations as e
            where
                e.user_id = u.user_id
                and e.created_at < u.starts_at
        )
    ) as new_users,
    sum(u.generations)::bigint as generations,
    sum(u.credits_charged)::bigint as credits_charged
from users as u
group by u.month;

comment on view credits_monitoring.active_users_monthly is
'One row per month of start in which anything was started. Months are those of the business '
'time zone.';
comment on column credits_monitoring.active_users_monthly.month is
'First day of the month of the start.';
comment on column credits_monitoring.active_users_monthly.active_users is
'Users who started any generation.';
comment on column credits_monitoring.active_users_monthly.new_users is
'Of these, those who had started none before that month.';
comment on column credits_monitoring.active_users_monthly.generations is 'Generations started.';
comment on column credits_monitoring.active_users_monthly.credits_charged is
'Credits charged for them.';

revoke all on credits_monitoring.active_users_monthly from public;
grant select on credits_monitoring.active_users_monthly to credits_analyst;

-- views/usage/outcome_rates_daily.sql

-- How often and how fast what finished on each day succeeded.

create or replace view credits_monitoring.outcome_rates_daily as
select
    d.day,
    g.provider,
    g.generation_type,
    count(*) as finished,
    round(100.0 * count(*) filter (where g.status = 'succeeded') / count(*), 2)
        as success_rate_pct,
    round(100.0 * count(*) filter (where g.status <> 'succeeded') / count(*), 2)
        as failure_rate_pct,
    round((percentile_cont(0.5) within group (order by g.duration_seconds))::numeric, 3)
        as p50_duration_seconds,
    round((percentile_cont(0.95) within group (order by g.duration_seconds))::numeric, 3)
        as p95_duration_seconds
from credits_monitoring.business_days as d
cross join
    lateral (
        select g.*
        from credits_monitoring.generation_facts as g
        where
            g.finished_at >= d.starts_at
            and g.finished_at < d.ends_at
        -- A fence: each day reads its own part of the index, and no other.
        offset 0
    ) as g
where g.is_finished
group by
    d.day,
    g.provider,
    g.generation_type;

comment on view credits_monitoring.outcome_rates_daily is
'One row per day of finish, provider and generation_type with anything finished: succeeded, '
'failed or timed out. What is in flight or was cancelled counts nowhere. Days are those of the '
'business time zone.';
comment on column credits_monitoring.outcome_rates_daily.day is 'Day of the finish.';
comment on column credits_monitoring.outcome_rates_daily.provider is 'Who did the work.';
comment on column credits_monitoring.outcome_rates_daily.generation_type is 'What was made.';
comment on column credits_monitoring.outcome_rates_daily.finished is
'Generations that succeeded, failed or timed out.';
comment on column credits_monitoring.outcome_rates_daily.success_rate_pct is
'Percent of these that succeeded.';
comment on column credits_monitoring.outcome_rates_daily.failure_rate_pct is
'Percent of these that failed or timed out.';
comment on column credits_monitoring.outcome_rates_daily.p50_duration_seconds is
'Seconds from start to finish that half of them did not exceed.';
comment on column credits_monitoring.outcome_rates_daily.p95_duration_seconds is
'Seconds from start to finish that 95 percent of them did not exceed.';

revoke all on credits_monitoring.outcome_rates_daily from public;
grant select on credits_monitoring.outcome_rates_daily to credits_analyst;

-- views/usage/usage_daily.sql

-- What was started on each day, and what has become of it.

create or replace view credits_monitoring.usage_daily as
select
    d.day,
    g.provider,
    g.generation_type,
    count(*) as started,
    count(*) filter (where g.status = 'succeeded') as succeeded,
    count(*) filter (where g.status = 'failed') as failed,
    count(*) filter (where g.status = 'timed_out') as timed_out,
    count(*) filter (where g.status = 'cancelled') as cancelled,
    count(*) filter (where g.finished_at is null) as in_flight,
    sum(g.credits_charged)::bigint as credits_charged,
    sum(g.credits_refunded)::bigint as credits_refunded,
    count(distinct g.user_id) as users
from credits_monitoring.business_days as d
cross join
    lateral (
        select g.*
        from credits_monitoring.generation_facts as g
        where
            g.started_at >= d.starts_at
            and g.started_at < d.ends_at
        -- A fence: each day reads its own part of the index, and no other.
        offset 0
    ) as g
group by
    d.day,
    g.provider,
    g.generation_type;

comment on view credits_monitoring.usage_daily is
'One row per day of start, provider and generation_type: how many generations were started, '
'what has become of them until now, and their credits. Days are those of the business time '
'zone.';
comment on column credits_monitoring.usage_daily.day is 'Day of the start.';
comment on column credits_monitoring.usage_daily.provider is 'Who does the work.';
comment on column credits_monitoring.usage_daily.generation_type is 'What is made.';
comment on column credits_monitoring.usage_daily.started is 'Generations started.';
comment on column credits_monitoring.usage_daily.succeeded is 'Of these, succeeded.';
comment on column credits_monitoring.usage_daily.failed is 'Of these, failed.';
comment on column credits_monitoring.usage_daily.timed_out is 'Of these, timed out.';
comment on column credits_monitoring.usage_daily.cancelled is 'Of these, cancelled.';
comment on column credits_monitoring.usage_daily.in_flight is 'Of these, neither of all that yet.';
comment on column credits_monitoring.usage_daily.credits_charged is 'Credits charged for them.';
comment on column credits_monitoring.usage_daily.credits_refunded is
'Credits of these that came back, whenever that was.';
comment on column credits_monitoring.usage_daily.users is 'Users who started any.';

revoke all on credits_monitoring.usage_daily from public;
grant select on credits_monitoring.usage_daily to credits_analyst;

-- views/health/system_health.sql

-- How the platform is, in one row.

create or replace view credits_monitoring.system_health as
with recent as (
    select
        count(*) filter (where g.finished_at > now() - interval '1 hour') as finished_1h,
        count(*) filter (
            where g.finished_at > now() - interval '1 hour'
            and g.status <> 'succeeded'
        ) as failures_1h,
        count(*) as finished_24h
    from credits_monitoring.generation_facts as g
    where
        g.finished_at > now() - interval '24 hours'
        and g.is_finished
),

-- Apart, so that refunds are looked up for failures only.
refunded as (
    select count(*) as refunded_24h
    from credits_monitoring.generation_facts as g
    where
        g.finished_at > now() - interval '24 hours'
        and g.status in ('failed', 'timed_out')
        and g.is_refunded
),

flight as (
    select
        count(*) as in_flight,
        count(*) filter (where g.deadline_at < now()) as stuck
    from credits.generations as g
    where g.finished_at is null
),

owed as (
    select
        count(*) as refunds,
        coalesce(sum(o.credits_owed), 0)::bigint as credits,
        coalesce(max(o.age_seconds), 0) as age_seconds
    from credits_monitoring.users_needing_refunds as o
),

alerts as (
    select
        count(*) as open_alerts,
        count(*) filter (where a.level = 'critical') as critical
    from credits.system_alerts as a
    where
        a.resolved_at is null
        and a.level > 'info'
),

checks as (
    select max(c.verified_at) as last_at
    from credits.ledger_checks as c
),

upkeep as (
    select
        -- Never is late, too, an hour after the installation. Without users there is nothing to do.
        coalesce(c.last_at, s.history_starts_at) < now() - interval '1 hour'
        and exists (
            select
            from credits.user_credits
        ) as is_late
    from checks as c
    cross join credits.settings as s
),

violations as (
    select count(*) as users
    from credits.ledger_checks as c
    where c.violations > 0
),

reasons as (
    select
        array_agg(x.reason order by x.place) as reasons,
        bool_or(x.is_critical) as is_critical
    from violations as v
    cross join owed as o
    cross join flight as f
    cross join alerts as a
    cross join upkeep as u
    cross join
        lateral (
            values
            (1, v.users > 0, true, format('ledgers with violations: %s', v.users)),
            (
                2, o.age_seconds > 300, true,
                format('refunds are owed for longer than 5 minutes: %s seconds', o.age_seconds)
            ),
            (3, a.critical > 0, true, format('open critical alerts: %s', a.critical)),
            (
                4, a.open_alerts > a.critical, false,
                format('open warnings and errors: %s', a.open_alerts - a.critical)
            ),
            (
                5, o.refunds > 0 and o.age_seconds <= 300, false,
                format('refunds are owed: %s', o.refunds)
            ),
            (6, f.stuck > 0, false, format('generations past their deadline: %s', f.stuck)),
            (7, u.is_late, false, 'maintenance has checked no ledger for an hour')
        ) as x (place, holds, is_critical, reason)
    where x.holds
)

select
    case
        when s.is_critical then 'critical'
        when s.reasons is not null then 'degraded'
        else 'ok'
    end as status,
    coalesce(s.reasons, '{}') as reasons,
    f.in_flight,
    f.stuck,
    r.finished_1h,
    r.failures_1h,
    round(100.0 * b.refunded_24h / nullif(r.finished_24h, 0), 2) as refund_rate_24h_pct,
    o.refunds as owed_refunds,
    o.credits as owed_credits,
    a.open_alerts,
    v.users as ledger_violations,
    c.last_at as last_maintenance_at
from reasons as s
cross join flight as f
cross join recent as r
cross join refunded as b
cross join owed as o
cross join alerts as a
cross join violations as v
cross join checks as c;

comment on view credits_monitoring.system_health is
'One row: whether anything calls for a person, and why.';
comment on column credits_monitoring.system_health.status is 'ok, degraded or critical.';
comment on column credits_monitoring.system_health.reasons is
'Why it is not ok, the worst first; empty = it is.';
comment on column credits_monitoring.system_health.in_flight is
'Generations that have not finished.';
comment on column credits_monitoring.system_health.stuck is 'Of these, those past their deadline.';
comment on column credits_monitoring.system_health.finished_1h is
'Generations that succeeded, failed or timed out within the last hour.';
comment on column credits_monitoring.system_health.failures_1h is
'Of these, those that did not succeed.';
comment on column credits_monitoring.system_health.refund_rate_24h_pct is
'Percent of what finished within 24 hours that did not succeed and was given back; null = '
'nothing finished.';
comment on column credits_monitoring.system_health.owed_refunds is
'Refunds that could not be paid yet: see users_needing_refunds.';
comment on column credits_monitoring.system_health.owed_credits is 'Credits of these.';
comment on column credits_monitoring.system_health.open_alerts is
'Open alerts but those of level info, which are about users.';
comment on column credits_monitoring.system_health.ledger_violations is
'Users whose ledger check_ledger found violated.';
comment on column credits_monitoring.system_health.last_maintenance_at is
'When check_ledger last verified a user: the sign that maintenance runs; null = never.';

revoke all on credits_monitoring.system_health from public;
grant select on credits_monitoring.system_health to credits_analyst;

-- views/integrity/trial_balance.sql

-- The sum of every account: together they are 0.

create or replace view credits_monitoring.trial_balance as
select
    e.account,
    sum(e.credits)::bigint as credits
from credits_monitoring.ledger_entries as e
group by e.account;

comment on view credits_monitoring.trial_balance is
'One row per account of ledger_entries; all rows sum to 0.';
comment on column credits_monitoring.trial_balance.account is
'wallet, issued, used, expired or revoked.';
comment on column credits_monitoring.trial_balance.credits is
'Credits in the account over all users and all time.';

revoke all on credits_monitoring.trial_balance from public;
grant select on credits_monitoring.trial_balance to credits_analyst;

-- views/costs/user_costs_monthly.sql

-- What each user brought in and cost in each month.

create or replace view credits_monitoring.user_costs_monthly as
with months as (
    select
        g.user_id,
        date_trunc('month', d.day)::date as month,
        count(*) as generations,
        sum(g.credits_net)::bigint as credits_net,
        sum(g.revenue_usd) as revenue_usd,
        sum(g.cost_usd) as cost_usd,
        sum(g.margin_usd) as margin_usd,
        coalesce(sum(g.cost_usd) filter (where g.is_absorbed), 0) as absorbed_cost_usd
    from credits_monitoring.business_days as d
    cross join
        lateral (
            select g.*
            from credits_monitoring.generation_costs as g
            where
                g.started_at >= d.starts_at
                and g.started_at < d.ends_at
            -- A fence: each day reads its own part of the index, and no other.
            offset 0
        ) as g
    group by
        date_trunc('month', d.day)::date,
        g.user_id
)

select
    m.month,
    m.user_id,
    m.generations,
    m.credits_net,
    m.revenue_usd,
    m.cost_usd,
    m.absorbed_cost_usd,
    m.margin_usd,
    rank() over (partition by m.month order by m.cost_usd desc nulls last) as cost_rank
from months as m;

comment on view credits_monitoring.user_costs_monthly is
'One row per month of start and user. Months are those of the business time zone. Dollars are '
'summed as far as they are known; null = of none.';
comment on column credits_monitoring.user_costs_monthly.month is
'First day of the month of the start.';
comment on column credits_monitoring.user_costs_monthly.user_id is 'The user.';
comment on column credits_monitoring.user_costs_monthly.generations is 'Generations started.';
comment on column credits_monitoring.user_costs_monthly.credits_net is
'Credits that they cost the user until now.';
comment on column credits_monitoring.user_costs_monthly.revenue_usd is
'US dollars that these were sold for.';
comment on column credits_monitoring.user_costs_monthly.cost_usd is
'US dollars that providers bill for them.';
comment on column credits_monitoring.user_costs_monthly.absorbed_cost_usd is
'US dollars of these for what did not succeed and was given back.';
comment on column credits_monitoring.user_costs_monthly.margin_usd is
'revenue_usd less cost_usd of those of which both are known; null = of none.';
comment on column credits_monitoring.user_costs_monthly.cost_rank is
'1 = the user who cost most in this month.';

revoke all on credits_monitoring.user_costs_monthly from public;
grant select on credits_monitoring.user_costs_monthly to credits_analyst;

-- views/usage/top_users_monthly.sql

-- Who spent most in each month.

create or replace view credits_monitoring.top_users_monthly as
select
    u.month,
    u.user_id,
    u.generations,
    u.credits_net,
    u.cost_usd,
    rank() over (partition by u.month order by u.credits_net desc) as rank
from credits_monitoring.user_costs_monthly as u;

comment on view credits_monitoring.top_users_monthly is
'One row per month of start and user, all of them: filter by rank. Months are those of the '
'business time zone.';
comment on column credits_monitoring.top_users_monthly.month is
'First day of the month of the start.';
comment on column credits_monitoring.top_users_monthly.user_id is 'The user.';
comment on column credits_monitoring.top_users_monthly.generations is 'Generations started.';
comment on column credits_monitoring.top_users_monthly.credits_net is
'Credits that they cost the user until now.';
comment on column credits_monitoring.top_users_monthly.cost_usd is
'US dollars that providers bill for them, as far as known; null = of none.';
comment on column credits_monitoring.top_users_monthly.rank is
'1 = the user who spent most credits in this month.';

revoke all on credits_monitoring.top_users_monthly from public;
grant select on credits_monitoring.top_users_monthly to credits_analyst;


do $pgcredits$
declare
    v_statement text;
begin
    for v_statement in
        select
            format(
                'revoke %s on %s %s from %s cascade',
                split_part(e.entry, ' to ', 1),
                case live.kind
                    when 'view' then 'table'
                    when 'function' then 'routine'
                    else live.kind
                end,
                live.identity,
                regexp_replace(split_part(e.entry, ' to ', 2), ' with grant option$', '')
            )
        from (
-- Every object in our schemas as it is now, with its fingerprint.
--
-- One row per object: kind, name, identity, grants, kept_grants, state, fingerprint. The owner of
-- the installation is written as <owner>, so that a dump restored under another owner is the same.
-- The grants of strangers to read a view or a table are theirs to keep: listed, not fingerprinted.
-- Printed definitions depend on search_path and the like, which the deployer pins.

with
ours as (
    select
        n.oid,
        n.nspname,
        n.nspowner,
        n.nspacl
    from pg_catalog.pg_namespace as n
    where n.nspname in ('credits', 'credits_internal', 'credits_monitoring', 'credits_deploy')
),

relations as (
    select c.*
    from pg_catalog.pg_class as c
    inner join ours as n on c.relnamespace = n.oid
    where
        c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
        -- The sequence of an identity column is a part of its table.
        and not exists (
            select from pg_catalog.pg_depend as d
            where
                d.classid = 'pg_catalog.pg_class'::regclass
                and d.objid = c.oid
                and d.refclassid = 'pg_catalog.pg_class'::regclass
                and d.deptype = 'i'
        )
),

columns as (
    select
        a.attrelid,
        string_agg(
            concat_ws(
                ' ',
                quote_ident(a.attname),
                format_type(a.atttypid, a.atttypmod),
                case when a.attcollation <> t.typcollation then a.attcollation::regcollation end,
                case when a.attnotnull then 'not null' end,
                'identity ' || nullif(a.attidentity::text, ''),
                'generated ' || nullif(a.attgenerated::text, ''),
                'default ' || pg_get_expr(v.adbin, v.adrelid)
            ),
            E'\n' order by a.attnum
        ) as definition
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_type as t on a.atttypid = t.oid
    left join pg_catalog.pg_attrdef as v on a.attrelid = v.adrelid and a.attnum = v.adnum
    where a.attnum > 0 and not a.attisdropped
    group by a.attrelid
),

objects as (
    select
        'schema' as kind,
        quote_ident(n.nspname) as name,
        quote_ident(n.nspname) as identity,
        'pg_catalog.pg_namespace'::regclass as classid,
        n.oid as objid,
        n.nspowner as owner,
        coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl,
        null::text[] as options,
        null::text as definition
    from ours as n

    union all

    select
        case c.relkind
            when 'v' then 'view'
            when 'm' then 'materialized view'
            when 'f' then 'foreign table'
            when 'S' then 'sequence'
            else 'table'
        end as kind,
        c.oid::regclass::text as name,
        c.oid::regclass::text as identity,
        'pg_catalog.pg_class'::regclass as classid,
        c.oid as objid,
        c.relowner as owner,
        coalesce(
            c.relacl,
            acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)
        ) as acl,
        array(
            select o.option
            from unnest(c.reloptions) as o (option)
            -- How often a table is vacuumed is the operator's affair.
            where o.option not like '%autovacuum%'
            order by o.option
        )
        || case when c.relpersistence = 'u' then array['unlogged'] end
        || case when c.relrowsecurity then array['row security'] end
        || case when c.relforcerowsecurity then array['forced row security'] end as options,
        concat_ws(
            E'\n',
            l.definition,
            case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
            (
                select
                    concat_ws(
                        ' ',
                        format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin,
                        s.seqmax, s.seqcache, s.seqcycle
                    )
                from pg_catalog.pg_sequence as s
                where s.seqrelid = c.oid
            )
        ) as definition
    from relations as c
    left join columns as l on c.oid = l.attrelid

    union all

    select
        case p.prokind when 'a' then 'aggregate' else 'function' end as kind,
        n.nspname::regnamespace || '.' || quote_ident(p.proname) as name,
        p.oid::regprocedure::text as identity,
        'pg_catalog.pg_proc'::regclass as classid,
        p.oid as objid,
        p.proowner as owner,
        coalesce(p.proacl, acldefault('f', p.proowner)) as acl,
        null::text[] as options,
        case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end as definition
    from pg_catalog.pg_proc as p
    inner join ours as n on p.pronamespace = n.oid

    union all

    select
        'type' as kind,
        t.oid::regtype::text as name,
        t.oid::regtype::text as identity,
        'pg_catalog.pg_type'::regclass as classid,
        t.oid as objid,
        t.typowner as owner,
        coalesce(t.typacl, acldefault('T', t.typowner)) as acl,
        null::text[] as options,
        concat_ws(
            ' ',
            t.typtype,
            l.definition,
            (
                select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
                from pg_catalog.pg_enum as e
                where e.enumtypid = t.oid
            ),
            case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
            case when t.typnotnull then 'not null' end,
            'default ' || t.typdefault,
            (
                select string_agg(pg_get_constraintdef(k.oid), ', ' order by k.conname)
                from pg_catalog.pg_constraint as k
                where k.contypid = t.oid
            ),
            (
                select format_type(r.rngsubtype, null)
                from pg_catalog.pg_range as r
                where r.rngtypid = t.oid
            )
        ) as definition
    from pg_catalog.pg_type as t
    inner join ours as n on t.typnamespace = n.oid
    left join pg_catalog.pg_class as c on t.typrelid = c.oid
    left join columns as l on t.typrelid = l.attrelid
    where t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c')

    union all

    -- The NOT NULL constraints that PostgreSQL 18 lists are parts of their columns.
    select
        'constraint' as kind,
        format('%I on %s', k.conname, k.conrelid::regclass) as name,
        format('%I on %s', k.conname, k.conrelid::regclass) as identity,
        'pg_catalog.pg_constraint'::regclass as classid,
        k.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        -- A foreign key works by triggers, which can be disabled.
        array(
            select distinct t.tgenabled::text
            from pg_catalog.pg_trigger as t
            where t.tgconstraint = k.oid and t.tgisinternal
            order by t.tgenabled::text
        )
        || case when not k.convalidated then array['not valid'] end as options,
        pg_get_constraintdef(k.oid) as definition
    from pg_catalog.pg_constraint as k
    inner join relations as c on k.conrelid = c.oid
    where k.contype in ('c', 'f', 'p', 'u', 'x')

    union all

    select
        'index' as kind,
        i.indexrelid::regclass::text as name,
        i.indexrelid::regclass::text as identity,
        'pg_catalog.pg_class'::regclass as classid,
        i.indexrelid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        case when not i.indisvalid then array['invalid'] end as options,
        pg_get_indexdef(i.indexrelid) as definition
    from pg_catalog.pg_index as i
    inner join relations as c on i.indrelid = c.oid
    where
        not exists (
            select from pg_catalog.pg_constraint as k
            where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
        )

    union all

    -- A trigger that calls a function of ours is a part of that function.
    select
        'trigger' as kind,
        format('%I on %s', t.tgname, t.tgrelid::regclass) as name,
        format('%I on %s', t.tgname, t.tgrelid::regclass) as identity,
        'pg_catalog.pg_trigger'::regclass as classid,
        t.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        array[t.tgenabled::text] as options,
        pg_get_triggerdef(t.oid) as definition
    from pg_catalog.pg_trigger as t
    inner join relations as c on t.tgrelid = c.oid
    inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
    where
        not t.tgisinternal
        and p.pronamespace not in (select n.oid from ours as n)

    union all

    select
        'rule' as kind,
        format('%I on %s', r.rulename, r.ev_class::regclass) as name,
        format('%I on %s', r.rulename, r.ev_class::regclass) as identity,
        'pg_catalog.pg_rewrite'::regclass as classid,
        r.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        array[r.ev_enabled::text] as options,
        pg_get_ruledef(r.oid) as definition
    from pg_catalog.pg_rewrite as r
    inner join relations as c on r.ev_class = c.oid
    where r.rulename <> '_RETURN'

    union all

    select
        'policy' as kind,
        format('%I on %s', p.polname, p.polrelid::regclass) as name,
        format('%I on %s', p.polname, p.polrelid::regclass) as identity,
        'pg_catalog.pg_policy'::regclass as classid,
        p.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        null::text[] as options,
        concat_ws(
            ' ',
            p.polcmd, p.polpermissive, p.polroles::regrole[],
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
        ) as definition
    from pg_catalog.pg_policy as p
    inner join relations as c on p.polrelid = c.oid

    union all

    -- Whatever else can live in a schema: operators, collations, statistics, extensions ...
    select
        i.type as kind,
        i.identity as name,
        i.identity,
        d.classid::regclass as classid,
        d.objid,
        null::oid as owner,
        null::aclitem[] as acl,
        null::text[] as options,
        null::text as definition
    from pg_catalog.pg_depend as d
    inner join ours as n on d.refobjid = n.oid
    cross join lateral pg_identify_object(d.classid, d.objid, 0) as i
    where
        d.refclassid = 'pg_catalog.pg_namespace'::regclass
        and d.deptype = 'n'
        and d.classid not in (
            'pg_catalog.pg_class'::regclass,
            'pg_catalog.pg_proc'::regclass,
            'pg_catalog.pg_type'::regclass
        )
),

states as (
    select
        o.kind,
        o.name,
        o.identity,
        g.grants,
        g.kept_grants,
        jsonb_build_object(
            'definition', encode(sha256(convert_to(o.definition, 'utf8')), 'hex'),
            'owner', case
                when o.owner = w.nspowner then '<owner>'
                else pg_get_userbyid(o.owner)
            end,
            'grants', g.grants,
            'options', coalesce(to_jsonb(o.options), '[]'),
            'comment', (
                select
                    encode(
                        sha256(
                            convert_to(
                                jsonb_agg(
                                    jsonb_build_array(a.attname, d.description)
                                    order by d.objsubid
                                )::text,
                                'utf8'
                            )
                        ),
                        'hex'
                    )
                from pg_catalog.pg_description as d
                left join pg_catalog.pg_attribute as a
                    on
                        d.classoid = 'pg_catalog.pg_class'::regclass
                        and d.objoid = a.attrelid
                        and d.objsubid = a.attnum
                where d.classoid = o.classid and d.objoid = o.objid
            ),
            'triggers', (
                select
                    coalesce(
                        jsonb_agg(
                            pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
                            order by t.tgrelid::regclass::text, t.tgname
                        ),
                        '[]'
                    )
                from pg_catalog.pg_trigger as t
                inner join relations as c on t.tgrelid = c.oid
                where
                    o.classid = 'pg_catalog.pg_proc'::regclass
                    and t.tgfoid = o.objid
                    and not t.tgisinternal
            )
        ) as state
    from objects as o
    left join ours as w on w.nspname = 'credits_deploy'
    cross join lateral (
        select
            coalesce(jsonb_agg(distinct e.entry) filter (where not e.kept), '[]') as grants,
            coalesce(jsonb_agg(distinct e.entry) filter (where e.kept), '[]') as kept_grants
        from (
            select
                lower(x.privilege_type)
                || x.of_column
                || ' to '
                || coalesce(quote_ident(r.rolname), 'public')
                || case when x.is_grantable then ' with grant option' else '' end as entry,
                o.kind in ('view', 'table')
                and x.privilege_type = 'SELECT'
                and coalesce(r.rolname, 'public') not in (
                    'public', 'anon', 'authenticated',
                    'credits_app', 'credits_analyst', 'credits_operator'
                ) as kept
            from (
                select
                    b.privilege_type,
                    '' as of_column,
                    b.grantee,
                    b.is_grantable
                from aclexplode(o.acl) as b

                union all

                select
                    b.privilege_type,
                    format(' (%I)', a.attname) as of_column,
                    b.grantee,
                    b.is_grantable
                from pg_catalog.pg_attribute as a
                cross join lateral aclexplode(a.attacl) as b
                where
                    o.classid = 'pg_catalog.pg_class'::regclass
                    and a.attrelid = o.objid
                    and not a.attisdropped
            ) as x
            left join pg_catalog.pg_roles as r on x.grantee = r.oid
            where x.grantee <> o.owner
        ) as e
    ) as g
)

select
    s.kind,
    s.name,
    s.identity,
    s.grants,
    s.kept_grants,
    s.state,
    encode(sha256(convert_to(s.state::text, 'utf8')), 'hex') as fingerprint
from states as s

        ) as live
        cross join lateral jsonb_array_elements_text(live.grants || live.kept_grants) as e (entry)
        where
            e.entry !~ ' to (credits_app|credits_analyst|credits_operator)( with grant option)?$'
            and not (live.kind = 'type' and e.entry = 'usage to public')
    loop
        execute v_statement;
    end loop;
end
$pgcredits$;

-- What was installed, so that pgcredits check can tell what has changed since.


insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, state, fingerprint, server_major, package_version
)
select
    live.kind,
    live.identity,
    live.name,
    f.file,
    f.source_sha256,
    live.state,
    live.fingerprint,
    current_setting('server_version_num')::integer / 10000,
    '0.1.0'
from (
-- Every object in our schemas as it is now, with its fingerprint.
--
-- One row per object: kind, name, identity, grants, kept_grants, state, fingerprint. The owner of
-- the installation is written as <owner>, so that a dump restored under another owner is the same.
-- The grants of strangers to read a view or a table are theirs to keep: listed, not fingerprinted.
-- Printed definitions depend on search_path and the like, which the deployer pins.

with
ours as (
    select
        n.oid,
        n.nspname,
        n.nspowner,
        n.nspacl
    from pg_catalog.pg_namespace as n
    where n.nspname in ('credits', 'credits_internal', 'credits_monitoring', 'credits_deploy')
),

relations as (
    select c.*
    from pg_catalog.pg_class as c
    inner join ours as n on c.relnamespace = n.oid
    where
        c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
        -- The sequence of an identity column is a part of its table.
        and not exists (
            select from pg_catalog.pg_depend as d
            where
                d.classid = 'pg_catalog.pg_class'::regclass
                and d.objid = c.oid
                and d.refclassid = 'pg_catalog.pg_class'::regclass
                and d.deptype = 'i'
        )
),

columns as (
    select
        a.attrelid,
        string_agg(
            concat_ws(
                ' ',
                quote_ident(a.attname),
                format_type(a.atttypid, a.atttypmod),
                case when a.attcollation <> t.typcollation then a.attcollation::regcollation end,
                case when a.attnotnull then 'not null' end,
                'identity ' || nullif(a.attidentity::text, ''),
                'generated ' || nullif(a.attgenerated::text, ''),
                'default ' || pg_get_expr(v.adbin, v.adrelid)
            ),
            E'\n' order by a.attnum
        ) as definition
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_type as t on a.atttypid = t.oid
    left join pg_catalog.pg_attrdef as v on a.attrelid = v.adrelid and a.attnum = v.adnum
    where a.attnum > 0 and not a.attisdropped
    group by a.attrelid
),

objects as (
    select
        'schema' as kind,
        quote_ident(n.nspname) as name,
        quote_ident(n.nspname) as identity,
        'pg_catalog.pg_namespace'::regclass as classid,
        n.oid as objid,
        n.nspowner as owner,
        coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl,
        null::text[] as options,
        null::text as definition
    from ours as n

    union all

    select
        case c.relkind
            when 'v' then 'view'
            when 'm' then 'materialized view'
            when 'f' then 'foreign table'
            when 'S' then 'sequence'
            else 'table'
        end as kind,
        c.oid::regclass::text as name,
        c.oid::regclass::text as identity,
        'pg_catalog.pg_class'::regclass as classid,
        c.oid as objid,
        c.relowner as owner,
        coalesce(
            c.relacl,
            acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)
        ) as acl,
        array(
            select o.option
            from unnest(c.reloptions) as o (option)
            -- How often a table is vacuumed is the operator's affair.
            where o.option not like '%autovacuum%'
            order by o.option
        )
        || case when c.relpersistence = 'u' then array['unlogged'] end
        || case when c.relrowsecurity then array['row security'] end
        || case when c.relforcerowsecurity then array['forced row security'] end as options,
        concat_ws(
            E'\n',
            l.definition,
            case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
            (
                select
                    concat_ws(
                        ' ',
                        format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin,
                        s.seqmax, s.seqcache, s.seqcycle
                    )
                from pg_catalog.pg_sequence as s
                where s.seqrelid = c.oid
            )
        ) as definition
    from relations as c
    left join columns as l on c.oid = l.attrelid

    union all

    select
        case p.prokind when 'a' then 'aggregate' else 'function' end as kind,
        n.nspname::regnamespace || '.' || quote_ident(p.proname) as name,
        p.oid::regprocedure::text as identity,
        'pg_catalog.pg_proc'::regclass as classid,
        p.oid as objid,
        p.proowner as owner,
        coalesce(p.proacl, acldefault('f', p.proowner)) as acl,
        null::text[] as options,
        case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end as definition
    from pg_catalog.pg_proc as p
    inner join ours as n on p.pronamespace = n.oid

    union all

    select
        'type' as kind,
        t.oid::regtype::text as name,
        t.oid::regtype::text as identity,
        'pg_catalog.pg_type'::regclass as classid,
        t.oid as objid,
        t.typowner as owner,
        coalesce(t.typacl, acldefault('T', t.typowner)) as acl,
        null::text[] as options,
        concat_ws(
            ' ',
            t.typtype,
            l.definition,
            (
                select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
                from pg_catalog.pg_enum as e
                where e.enumtypid = t.oid
            ),
            case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
            case when t.typnotnull then 'not null' end,
            'default ' || t.typdefault,
            (
                select string_agg(pg_get_constraintdef(k.oid), ', ' order by k.conname)
                from pg_catalog.pg_constraint as k
                where k.contypid = t.oid
            ),
            (
                select format_type(r.rngsubtype, null)
                from pg_catalog.pg_range as r
                where r.rngtypid = t.oid
            )
        ) as definition
    from pg_catalog.pg_type as t
    inner join ours as n on t.typnamespace = n.oid
    left join pg_catalog.pg_class as c on t.typrelid = c.oid
    left join columns as l on t.typrelid = l.attrelid
    where t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c')

    union all

    -- The NOT NULL constraints that PostgreSQL 18 lists are parts of their columns.
    select
        'constraint' as kind,
        format('%I on %s', k.conname, k.conrelid::regclass) as name,
        format('%I on %s', k.conname, k.conrelid::regclass) as identity,
        'pg_catalog.pg_constraint'::regclass as classid,
        k.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        -- A foreign key works by triggers, which can be disabled.
        array(
            select distinct t.tgenabled::text
            from pg_catalog.pg_trigger as t
            where t.tgconstraint = k.oid and t.tgisinternal
            order by t.tgenabled::text
        )
        || case when not k.convalidated then array['not valid'] end as options,
        pg_get_constraintdef(k.oid) as definition
    from pg_catalog.pg_constraint as k
    inner join relations as c on k.conrelid = c.oid
    where k.contype in ('c', 'f', 'p', 'u', 'x')

    union all

    select
        'index' as kind,
        i.indexrelid::regclass::text as name,
        i.indexrelid::regclass::text as identity,
        'pg_catalog.pg_class'::regclass as classid,
        i.indexrelid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        case when not i.indisvalid then array['invalid'] end as options,
        pg_get_indexdef(i.indexrelid) as definition
    from pg_catalog.pg_index as i
    inner join relations as c on i.indrelid = c.oid
    where
        not exists (
            select from pg_catalog.pg_constraint as k
            where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
        )

    union all

    -- A trigger that calls a function of ours is a part of that function.
    select
        'trigger' as kind,
        format('%I on %s', t.tgname, t.tgrelid::regclass) as name,
        format('%I on %s', t.tgname, t.tgrelid::regclass) as identity,
        'pg_catalog.pg_trigger'::regclass as classid,
        t.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        array[t.tgenabled::text] as options,
        pg_get_triggerdef(t.oid) as definition
    from pg_catalog.pg_trigger as t
    inner join relations as c on t.tgrelid = c.oid
    inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
    where
        not t.tgisinternal
        and p.pronamespace not in (select n.oid from ours as n)

    union all

    select
        'rule' as kind,
        format('%I on %s', r.rulename, r.ev_class::regclass) as name,
        format('%I on %s', r.rulename, r.ev_class::regclass) as identity,
        'pg_catalog.pg_rewrite'::regclass as classid,
        r.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        array[r.ev_enabled::text] as options,
        pg_get_ruledef(r.oid) as definition
    from pg_catalog.pg_rewrite as r
    inner join relations as c on r.ev_class = c.oid
    where r.rulename <> '_RETURN'

    union all

    select
        'policy' as kind,
        format('%I on %s', p.polname, p.polrelid::regclass) as name,
        format('%I on %s', p.polname, p.polrelid::regclass) as identity,
        'pg_catalog.pg_policy'::regclass as classid,
        p.oid as objid,
        null::oid as owner,
        null::aclitem[] as acl,
        null::text[] as options,
        concat_ws(
            ' ',
            p.polcmd, p.polpermissive, p.polroles::regrole[],
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
        ) as definition
    from pg_catalog.pg_policy as p
    inner join relations as c on p.polrelid = c.oid

    union all

    -- Whatever else can live in a schema: operators, collations, statistics, extensions ...
    select
        i.type as kind,
        i.identity as name,
        i.identity,
        d.classid::regclass as classid,
        d.objid,
        null::oid as owner,
        null::aclitem[] as acl,
        null::text[] as options,
        null::text as definition
    from pg_catalog.pg_depend as d
    inner join ours as n on d.refobjid = n.oid
    cross join lateral pg_identify_object(d.classid, d.objid, 0) as i
    where
        d.refclassid = 'pg_catalog.pg_namespace'::regclass
        and d.deptype = 'n'
        and d.classid not in (
            'pg_catalog.pg_class'::regclass,
            'pg_catalog.pg_proc'::regclass,
            'pg_catalog.pg_type'::regclass
        )
),

states as (
    select
        o.kind,
        o.name,
        o.identity,
        g.grants,
        g.kept_grants,
        jsonb_build_object(
            'definition', encode(sha256(convert_to(o.definition, 'utf8')), 'hex'),
            'owner', case
                when o.owner = w.nspowner then '<owner>'
                else pg_get_userbyid(o.owner)
            end,
            'grants', g.grants,
            'options', coalesce(to_jsonb(o.options), '[]'),
            'comment', (
                select
                    encode(
                        sha256(
                            convert_to(
                                jsonb_agg(
                                    jsonb_build_array(a.attname, d.description)
                                    order by d.objsubid
                                )::text,
                                'utf8'
                            )
                        ),
                        'hex'
                    )
                from pg_catalog.pg_description as d
                left join pg_catalog.pg_attribute as a
                    on
                        d.classoid = 'pg_catalog.pg_class'::regclass
                        and d.objoid = a.attrelid
                        and d.objsubid = a.attnum
                where d.classoid = o.classid and d.objoid = o.objid
            ),
            'triggers', (
                select
                    coalesce(
                        jsonb_agg(
                            pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
                            order by t.tgrelid::regclass::text, t.tgname
                        ),
                        '[]'
                    )
                from pg_catalog.pg_trigger as t
                inner join relations as c on t.tgrelid = c.oid
                where
                    o.classid = 'pg_catalog.pg_proc'::regclass
                    and t.tgfoid = o.objid
                    and not t.tgisinternal
            )
        ) as state
    from objects as o
    left join ours as w on w.nspname = 'credits_deploy'
    cross join lateral (
        select
            coalesce(jsonb_agg(distinct e.entry) filter (where not e.kept), '[]') as grants,
            coalesce(jsonb_agg(distinct e.entry) filter (where e.kept), '[]') as kept_grants
        from (
            select
                lower(x.privilege_type)
                || x.of_column
                || ' to '
                || coalesce(quote_ident(r.rolname), 'public')
                || case when x.is_grantable then ' with grant option' else '' end as entry,
                o.kind in ('view', 'table')
                and x.privilege_type = 'SELECT'
                and coalesce(r.rolname, 'public') not in (
                    'public', 'anon', 'authenticated',
                    'credits_app', 'credits_analyst', 'credits_operator'
                ) as kept
            from (
                select
                    b.privilege_type,
                    '' as of_column,
                    b.grantee,
                    b.is_grantable
                from aclexplode(o.acl) as b

                union all

                select
                    b.privilege_type,
                    format(' (%I)', a.attname) as of_column,
                    b.grantee,
                    b.is_grantable
                from pg_catalog.pg_attribute as a
                cross join lateral aclexplode(a.attacl) as b
                where
                    o.classid = 'pg_catalog.pg_class'::regclass
                    and a.attrelid = o.objid
                    and not a.attisdropped
            ) as x
            left join pg_catalog.pg_roles as r on x.grantee = r.oid
            where x.grantee <> o.owner
        ) as e
    ) as g
)

select
    s.kind,
    s.name,
    s.identity,
    s.grants,
    s.kept_grants,
    s.state,
    encode(sha256(convert_to(s.state::text, 'utf8')), 'hex') as fingerprint
from states as s

) as live
left join
    jsonb_to_recordset('[{"kind": "function", "name": "credits.acknowledge_alert", "file": "procedures/alerts/acknowledge_alert.sql", "source_sha256": "6e09c3aaff766ddad8eb6e3e8566bec0fc6895282a47792f832e8ae0cf85254e"}, {"kind": "function", "name": "credits.check_alerts", "file": "procedures/alerts/check_alerts.sql", "source_sha256": "b57434269d5dd9af79714d4dd20698eb1377d4a9a7a1323bfb462683996d7e3a"}, {"kind": "function", "name": "credits.raise_alert", "file": "procedures/alerts/raise_alert.sql", "source_sha256": "d6df355c987daa2936d8d6d8cf8f2b0919b3c72dcd7959cabf78d621fb447eed"}, {"kind": "function", "name": "credits.resolve_alert", "file": "procedures/alerts/resolve_alert.sql", "source_sha256": "9a2c846c6aea2e0a74d0fb3c7d0704edfddaed300efd3ffe41c0dd855a90d2d7"}, {"kind": "function", "name": "credits.attach_provider_task", "file": "procedures/generations/attach_provider_task.sql", "source_sha256": "653d5b683d909b259a5c3e42257554d01352baa37a5a6851bed8a4a92edf04c3"}, {"kind": "function", "name": "credits.cancel_generation", "file": "procedures/generations/cancel_generation.sql", "source_sha256": "c27a953eb4680371a576ae0c97e20e43002611af04a68432e934b2bad86e1174"}, {"kind": "function", "name": "credits.complete_generation", "file": "procedures/generations/complete_generation.sql", "source_sha256": "1e976024a8015d4210a3981cd30774093027eb3a4b347a5b0038572cf45646b4"}, {"kind": "function", "name": "credits.explain_charge", "file": "procedures/generations/explain_charge.sql", "source_sha256": "f5ce2f3ff2ad4d280688c714d81d8a898578a2d21ef03351e476274c8297c09a"}, {"kind": "function", "name": "credits.fail_generation", "file": "procedures/generations/fail_generation.sql", "source_sha256": "8a72ef4bb75f5f1fb01fbebfe39b523463e1cdef3a770bf01ee83e7a60f104c3"}, {"kind": "function", "name": "credits.get_generation", "file": "procedures/generations/get_generation.sql", "source_sha256": "d79d960645cf2efd259225127b49cabce69201953be82ae213fc544a3906b74c"}, {"kind": "function", "name": "credits.handle_provider_callback", "file": "procedures/generations/handle_provider_callback.sql", "source_sha256": "026e46903c10eebac425a167e232010a62b996d1641544704eddd6878f102f3a"}, {"kind": "function", "name": "credits.start_generation", "file": "procedures/generations/start_generation.sql", "source_sha256": "c43dd105527458b5a63c076eb0349dfed2cd48178768187ef328b84f9ff0e79e"}, {"kind": "function", "name": "credits.check_ledger", "file": "procedures/integrity/check_ledger.sql", "source_sha256": "4bfbfdc0fb6bdb7609dcdf23c6ff674656056b4a5ed872a97ce3dc946a642e3b"}, {"kind": "function", "name": "credits.verify_ledger", "file": "procedures/integrity/verify_ledger.sql", "source_sha256": "d4e619f943443bb31096dfb24e1a0d17be07129d88fe1c33b126df6e3256e69f"}, {"kind": "function", "name": "credits_internal.absorbed_costs", "file": "procedures/internal/absorbed_costs.sql", "source_sha256": "cecacd9028aaa33e86125bc76fb6812d684b5d0b778f1a51f2c5060f91a67387"}, {"kind": "function", "name": "credits_internal.add_lot", "file": "procedures/internal/add_lot.sql", "source_sha256": "ec4ed728402cefb8766a743a300c34dbd134e95407a071229b27d18ec7071118"}, {"kind": "function", "name": "credits_internal.alert_on_event", "file": "procedures/internal/alert_on_event.sql", "source_sha256": "1164b3a42a895e47f9c2dd17c822df7f8c5129e3e51aa02cca090b649e6690c0"}, {"kind": "function", "name": "credits_internal.allocated", "file": "procedures/internal/allocated.sql", "source_sha256": "c6c42130d51a11b95304fe34f54725bfeb2fdf29250d2a28ad4f6f239e2cfb9b"}, {"kind": "function", "name": "credits_internal.allocation", "file": "procedures/internal/allocation.sql", "source_sha256": "a2147ff8f137c2e88ed10d9ac3dac76732fa2f386f960d4c690bd4cbe0c22e27"}, {"kind": "function", "name": "credits_internal.announce_alert", "file": "procedures/internal/announce_alert.sql", "source_sha256": "c558b195c3de475114e69385cabb870feb0f75410c1a84b5e8d52708b22cf6b1"}, {"kind": "function", "name": "credits_internal.apply_event", "file": "procedures/internal/apply_event.sql", "source_sha256": "fcc6109ad12f2c557874a1784558f7729e51161d533193ca168506aa7dbb8c48"}, {"kind": "function", "name": "credits_internal.apply_waiting", "file": "procedures/internal/apply_waiting.sql", "source_sha256": "dc3ce33e466847a507e9d6dc107ff60c06f70a3a534f25a953b13854e91f863d"}, {"kind": "function", "name": "credits_internal.book_recovered", "file": "procedures/internal/book_recovered.sql", "source_sha256": "2f32f873ff3b4ea76086f3ebc562c8a884c8df27496885ccac952cc549b35e4b"}, {"kind": "function", "name": "credits_internal.charge_imported_task", "file": "procedures/internal/charge_imported_task.sql", "source_sha256": "7d6a9b442efbb9b90f4385e3708c1b8a69c1232cfd1e9b8d7f2600b115c6c323"}, {"kind": "function", "name": "credits_internal.clock", "file": "procedures/internal/clock.sql", "source_sha256": "cd2fdd5c473f70a80333ec7819f2243cbcfb3dfc56793682d3fc3a60b69eb898"}, {"kind": "function", "name": "credits_internal.close_alert", "file": "procedures/internal/close_alert.sql", "source_sha256": "a5a3d33cd973e1c8c647e4ab5e6d0107030f6c6a77a876970e1e9f5e94f012ec"}, {"kind": "function", "name": "credits_internal.collect_owed", "file": "procedures/internal/collect_owed.sql", "source_sha256": "2a1a2c8a159b3820e753c5b722d0c55287776d8bad99c4a895e9cf6ab2a2ac30"}, {"kind": "function", "name": "credits_internal.content_digest", "file": "procedures/internal/content_digest.sql", "source_sha256": "89fb09b4edfaf2f5ff83eca5bdf046670b557ebd4ac2a730bc7c7318a5be27e3"}, {"kind": "function", "name": "credits_internal.deduct", "file": "procedures/internal/deduct.sql", "source_sha256": "44f22c836a19012c860fcb2cadc844f65a32c711946b030f23736760c829c7c5"}, {"kind": "function", "name": "credits_internal.deduct_locked", "file": "procedures/internal/deduct_locked.sql", "source_sha256": "a19bcdb5ab14a79f2e4099a71830c3c4ddb50f7652d31b8abe638f840b80c896"}, {"kind": "function", "name": "credits_internal.entry_hash", "file": "procedures/internal/entry_hash.sql", "source_sha256": "ff96f3a2984d8b3179027a19fc1a6db44be7082161b30e50a82a3ca518c21a34"}, {"kind": "function", "name": "credits_internal.epoch_us", "file": "procedures/internal/epoch_us.sql", "source_sha256": "bb63f237a91705aaed900c526169e30a49b8b5767a8ad9f25941d72a0f908c59"}, {"kind": "function", "name": "credits_internal.expire_due_lots", "file": "procedures/internal/expire_due_lots.sql", "source_sha256": "533fe189a23b5856222693893391e9750a043f1c815baeea1caf3844b281d8bc"}, {"kind": "function", "name": "credits_internal.explain_lots", "file": "procedures/internal/explain_lots.sql", "source_sha256": "b6ef473a0ca3f5b53621606b83e2dc260011c79c1f4802a97eb49fddb12714c2"}, {"kind": "function", "name": "credits_internal.failed_turn", "file": "procedures/internal/failed_turn.sql", "source_sha256": "6dc582347329f7fdf74a16f910536368c8b89045de4cbedaed83d493271135ab"}, {"kind": "function", "name": "credits_internal.find_request", "file": "procedures/internal/find_request.sql", "source_sha256": "83b9168ac78a7a4ddf58d201ce9aadbf697d23e1995567f03c13db69d7aacd54"}, {"kind": "function", "name": "credits_internal.generation_life", "file": "procedures/internal/generation_life.sql", "source_sha256": "71928e45d380be2b5f54675f493d0154c164f7e8f247c526f656fdd15b4ed12b"}, {"kind": "function", "name": "credits_internal.generation_result", "file": "procedures/internal/generation_result.sql", "source_sha256": "b393113cd88e15a2a12f05a0adabf8cd8a1d7c4a5fcf98871f26b3a02dd38af4"}, {"kind": "function", "name": "credits_internal.get_transaction", "file": "procedures/internal/get_transaction.sql", "source_sha256": "6aed40d6a17db4c594f31061a80fc1d4429dd3ea12638e598eefafb8d06e48db"}, {"kind": "function", "name": "credits_internal.give_back", "file": "procedures/internal/give_back.sql", "source_sha256": "ce8b240f2743d9e1abb8f4cebb6cf1cfa21524ac632aeb1a08fdf97f0f606e2f"}, {"kind": "function", "name": "credits_internal.grant_allowance", "file": "procedures/internal/grant_allowance.sql", "source_sha256": "3d5b974d155830d0822bd30ed2dc9c72834a4689a0b8921e487ccf8cde2e4a7f"}, {"kind": "function", "name": "credits_internal.import_balances", "file": "procedures/internal/import_balances.sql", "source_sha256": "82532b49874e49a340e41766d0b6febd8035c5e2378785555677374e6974db2e"}, {"kind": "function", "name": "credits_internal.import_history", "file": "procedures/internal/import_history.sql", "source_sha256": "cd64c528c7294b604e894428bcf6998524cbab185aab5eb976074a9af8e371fc"}, {"kind": "function", "name": "credits_internal.import_key", "file": "procedures/internal/import_key.sql", "source_sha256": "fd7e16ea862e977c9d1a8f83e8201ffb25050d8e82866747d4960e25240a4c90"}, {"kind": "function", "name": "credits_internal.import_plans", "file": "procedures/internal/import_plans.sql", "source_sha256": "de589ffdc6ae19b816e2c277d2648c5978f20101ab0c9460b9934174cf8a0bad"}, {"kind": "function", "name": "credits_internal.import_tasks", "file": "procedures/internal/import_tasks.sql", "source_sha256": "6c4e32001820f35b26d725439a5a0f89519daf801a6ab491f6a29caa6237b1df"}, {"kind": "function", "name": "credits_internal.judge_imported_task", "file": "procedures/internal/judge_imported_task.sql", "source_sha256": "efb4003f95b55f2d974b9fb48a80d08fdd677f87e019b6f9225efa89e289f68c"}, {"kind": "function", "name": "credits_internal.known_usd", "file": "procedures/internal/known_usd.sql", "source_sha256": "f15ea6109ff3766b7594b385ae4703e9b15ea6d457bbe7ac1a0d73d448a9407c"}, {"kind": "function", "name": "credits_internal.legacy_credits", "file": "procedures/internal/legacy_credits.sql", "source_sha256": "908afb717c4b1d01b217157816e554b7fba1a41230ab651c465122db89be8d61"}, {"kind": "function", "name": "credits_internal.legacy_refund_key", "file": "procedures/internal/legacy_refund_key.sql", "source_sha256": "00217a7181c372cfc7ec82d10aea8617c0d12e548df6c4ee036531740ac8ea17"}, {"kind": "function", "name": "credits_internal.lock_alert", "file": "procedures/internal/lock_alert.sql", "source_sha256": "1f0c30c8bf04885cec38eb2b0599f9e5330cc2f40238c33f67b46f80ea9689f9"}, {"kind": "function", "name": "credits_internal.lock_generation", "file": "procedures/internal/lock_generation.sql", "source_sha256": "8856f08922ecebb68e157c19ece3abea81b6b3e4ea75e5c610358637957b3302"}, {"kind": "function", "name": "credits_internal.lock_idle_user", "file": "procedures/internal/lock_idle_user.sql", "source_sha256": "e1c46eecffcdde4489a6ac6431b83b6e62775374cd6378888c33cb8644bb4843"}, {"kind": "function", "name": "credits_internal.lock_task", "file": "procedures/internal/lock_task.sql", "source_sha256": "6e5dd19a9dff3fc5854598223724bc1eb9d0f3f0b995010ec7107156bff6be89"}, {"kind": "function", "name": "credits_internal.lock_user", "file": "procedures/internal/lock_user.sql", "source_sha256": "45ed62dacafeab14b5369b7a656d071776be4b4db65a837559c4ec56cae97728"}, {"kind": "function", "name": "credits_internal.lots_in_burn_order", "file": "procedures/internal/lots_in_burn_order.sql", "source_sha256": "38567fd68e6a67629d8cb5ee0c502192d2723a66917d8a0a77a58874c74a0e6a"}, {"kind": "function", "name": "credits_internal.map_task", "file": "procedures/internal/map_task.sql", "source_sha256": "162438c1ebfa86c961e67556fadf68ed54e336a07c0e4bccdf9ade5485148693"}, {"kind": "function", "name": "credits_internal.month_end", "file": "procedures/internal/month_end.sql", "source_sha256": "492a330b82239326bbf9176efde991531dfce65b1187ca8f8104e09ad76b9a57"}, {"kind": "function", "name": "credits_internal.month_of", "file": "procedures/internal/month_of.sql", "source_sha256": "dd887b37a8cd4081e80c8f15eb23b3142154bf2a7f95ea9637a8bf886481b5b3"}, {"kind": "function", "name": "credits_internal.next_entry_at", "file": "procedures/internal/next_entry_at.sql", "source_sha256": "0a7b4d500db278e67eb3d22129ef0f0469b5b911361f4728effe8ebca7a050bb"}, {"kind": "function", "name": "credits_internal.note_low_balance", "file": "procedures/internal/note_low_balance.sql", "source_sha256": "11736f69da809484ceb7be8a077ab768bd463f4e838546aa71e604dcddcd48da"}, {"kind": "function", "name": "credits_internal.note_refund_failed", "file": "procedures/internal/note_refund_failed.sql", "source_sha256": "7ab3851d4beae9c59f52632bd1184fa8637972f377c09bfd1d310d7836cf59ae"}, {"kind": "function", "name": "credits_internal.note_refund_paid", "file": "procedures/internal/note_refund_paid.sql", "source_sha256": "c69ab53a1c3a5d2e61eebcf1ec7e931cf26c2a02ea7556b83183ae9b999ad580"}, {"kind": "function", "name": "credits_internal.open_alert", "file": "procedures/internal/open_alert.sql", "source_sha256": "64c8c7f946166757c1afd940de73d7ae0f6db06405258b6e85de054573992d03"}, {"kind": "function", "name": "credits_internal.open_conditions", "file": "procedures/internal/open_conditions.sql", "source_sha256": "07bb3a5f46dacafb8c2848d27e5880cfcfd42f257c8bc00701334e0e92232f49"}, {"kind": "function", "name": "credits_internal.open_generation_alert", "file": "procedures/internal/open_generation_alert.sql", "source_sha256": "17095d7ede9f91221e8d84e28c8801263823ba52c08096b4fd5035c06d4baa6f"}, {"kind": "function", "name": "credits_internal.open_imported_accounts", "file": "procedures/internal/open_imported_accounts.sql", "source_sha256": "1babaf29b07c3ce07dae3ec5f21997b2db7a411ebbfecadd9abf57611b8d4931"}, {"kind": "function", "name": "credits_internal.pay_listed", "file": "procedures/internal/pay_listed.sql", "source_sha256": "a42dda5e65def926a60058b3fb4d029c6faac91434c4e99fb705aab058b60900"}, {"kind": "function", "name": "credits_internal.pay_or_owe", "file": "procedures/internal/pay_or_owe.sql", "source_sha256": "e10c266aab5312a23cc801af5a1451dabb9f9cc18a4913e81ac56abe6cf4c136"}, {"kind": "function", "name": "credits_internal.pay_owed", "file": "procedures/internal/pay_owed.sql", "source_sha256": "b36c1d86371b9deaf71fca4411b2ae3981803b2be7b25b5f27915501fb920e1e"}, {"kind": "function", "name": "credits_internal.pay_refund", "file": "procedures/internal/pay_refund.sql", "source_sha256": "03a9b304d2d02840cfa14a7391cf0d4c4ff0a6d1cc5dc8471b09b28108d23191"}, {"kind": "function", "name": "credits_internal.provider_conditions", "file": "procedures/internal/provider_conditions.sql", "source_sha256": "46315dfbb6b59b716f714036d648483a02a6752f0a08debf6ae67f5fc8e97da1"}, {"kind": "function", "name": "credits_internal.read_allocations", "file": "procedures/internal/read_allocations.sql", "source_sha256": "d2a17776056147ccd65c8a1cce16f2b54dec5f2ce4da8bc67c75fab4e8600e2f"}, {"kind": "function", "name": "credits_internal.receive_callback", "file": "procedures/internal/receive_callback.sql", "source_sha256": "2cec3364ba5f4ba8e38d2f3022540fb6c654c5be27d43f62995c637f46382e95"}, {"kind": "function", "name": "credits_internal.refund_conditions", "file": "procedures/internal/refund_conditions.sql", "source_sha256": "c2d0ff6ca9269620d2890fa74e7df84146a43ebf94e6c63e64c65a5459b42099"}, {"kind": "function", "name": "credits_internal.refund_legacy_task", "file": "procedures/internal/refund_legacy_task.sql", "source_sha256": "e84d8c7123c88b35eefc25885cb6b65e1e8402a1d7520ca26e9e833f02c13cbe"}, {"kind": "function", "name": "credits_internal.refund_unreferenced", "file": "procedures/internal/refund_unreferenced.sql", "source_sha256": "93ec3032b7198ae35e51d2b174e253d10acdd7da6f7e64156a8366fa3a09425d"}, {"kind": "function", "name": "credits_internal.refuse", "file": "procedures/internal/refuse.sql", "source_sha256": "b78c5f22429c6bd8e652a1a438468ac54613246a76f1ca53b6e64ddd2e2abf46"}, {"kind": "function", "name": "credits_internal.refuse_argument", "file": "procedures/internal/refuse_argument.sql", "source_sha256": "1a0fecdd7dde4fa61f10492e015d97bc6b499677e837b3fd6c961e81cbcdcb58"}, {"kind": "function", "name": "credits_internal.refuse_event_change", "file": "procedures/internal/refuse_event_change.sql", "source_sha256": "bacae6296a461c6c78d71d530aff9046e5cdb1ac322cbd47adfe7e2e5b7c8906"}, {"kind": "function", "name": "credits_internal.refuse_generation", "file": "procedures/internal/refuse_generation.sql", "source_sha256": "48b2bd352d32a44d032c066e56f8e33bc26f2c0083f33d2ea82348fa2e6750ff"}, {"kind": "function", "name": "credits_internal.refuse_ledger_change", "file": "procedures/internal/refuse_ledger_change.sql", "source_sha256": "4dd39773daef4386b49c7e399c59052a67f974071fe46b47b11e0696ae1313fd"}, {"kind": "function", "name": "credits_internal.refuse_legacy_write", "file": "procedures/internal/refuse_legacy_write.sql", "source_sha256": "39d554ddb8de4b7df665255c2aa39ddda6b4da43324887e8ea19164ccaf5962b"}, {"kind": "function", "name": "credits_internal.refuse_settings_removal", "file": "procedures/internal/refuse_settings_removal.sql", "source_sha256": "ec97746a4c3968cdc46e611eff083bc67c36f5ddad66b6865a223591c1ec6c67"}, {"kind": "function", "name": "credits_internal.require_credits", "file": "procedures/internal/require_credits.sql", "source_sha256": "3d4ea3092ba966b82fa3f84cbc4830aa236125e70bc9c234ee7d79f9501dcbc8"}, {"kind": "function", "name": "credits_internal.require_generation", "file": "procedures/internal/require_generation.sql", "source_sha256": "0e7fb2d5939ff0feaea3c4c82ff1f4db4ea7fc4441167807e6fdbcc579eefea4"}, {"kind": "function", "name": "credits_internal.require_key", "file": "procedures/internal/require_key.sql", "source_sha256": "04ffaf771816265ea20a2a3d2269a7d002a634784b857f76a0814d957aeda337"}, {"kind": "function", "name": "credits_internal.require_limit", "file": "procedures/internal/require_limit.sql", "source_sha256": "fd3032b26935a4fe4ad5649cb46e41023a548093ec9d7da11e7e5399a294b6c3"}, {"kind": "function", "name": "credits_internal.require_metadata", "file": "procedures/internal/require_metadata.sql", "source_sha256": "650af95fb8bf7d49b3a0afce5393675e2a0b4f0f4eae184399e7ccda417adfe1"}, {"kind": "function", "name": "credits_internal.require_reason", "file": "procedures/internal/require_reason.sql", "source_sha256": "d1536c498f18aade0b76ecd8bea1bdbb87ceb03978fdf02db08bd868af25ac30"}, {"kind": "function", "name": "credits_internal.require_same_start", "file": "procedures/internal/require_same_start.sql", "source_sha256": "bd198f447273bebe4b8024385d7684098953caa1bc278cb2b4b84a518e2db964"}, {"kind": "function", "name": "credits_internal.require_source", "file": "procedures/internal/require_source.sql", "source_sha256": "876559e684e8fe436a5096b007b326a5c6af863fbef741789ca6fb14e054825a"}, {"kind": "function", "name": "credits_internal.require_timeout", "file": "procedures/internal/require_timeout.sql", "source_sha256": "dd3b840bd1bd744e337f90c58eb651ea8a1c8e4a3006ef6eb0f5a130e842aedb"}, {"kind": "function", "name": "credits_internal.require_transaction", "file": "procedures/internal/require_transaction.sql", "source_sha256": "260d25135dab745e480f239732fbc5bb7f9bd0bcb4e1f27268e245ec7defa770"}, {"kind": "function", "name": "credits_internal.require_usd", "file": "procedures/internal/require_usd.sql", "source_sha256": "8a82b7f5206b41865130b2350af6f53e7a3cb1e8b25b9990e4a06dd802014076"}, {"kind": "function", "name": "credits_internal.require_user", "file": "procedures/internal/require_user.sql", "source_sha256": "556917184e053e36576e99ad94d14ddce89c075753bffaab48d42680641706de"}, {"kind": "function", "name": "credits_internal.require_within", "file": "procedures/internal/require_within.sql", "source_sha256": "28f1d8cd7ca507f4ec81dde2d6267c45461b633ffb8bfd926fcf480f534ba412"}, {"kind": "function", "name": "credits_internal.require_word", "file": "procedures/internal/require_word.sql", "source_sha256": "08cfe8aab75797bf08ed8b5e1cdac79e80018f2012487602f99b5e0ab10b9fa8"}, {"kind": "function", "name": "credits_internal.revoke_locked", "file": "procedures/internal/revoke_locked.sql", "source_sha256": "dcb32d6c196a2ff5b506a943b6ec0b9867888c2d9d1e304a38ab13eabddf6951"}, {"kind": "function", "name": "credits_internal.roll_over_allowances", "file": "procedures/internal/roll_over_allowances.sql", "source_sha256": "222893e8bab3fe43297387545d2e53f6db0ee87099251e505e01c207d42c9cbd"}, {"kind": "function", "name": "credits_internal.spendable_credits", "file": "procedures/internal/spendable_credits.sql", "source_sha256": "8bc141f0b0a4ebb906406f8990be1289ea54152bce34c9bcce7df5db97517433"}, {"kind": "function", "name": "credits_internal.take_credits", "file": "procedures/internal/take_credits.sql", "source_sha256": "c715d5665fa2c90cf8b88a8cc74078df8331af793e6fa6d90257dbcf2af68ca3"}, {"kind": "function", "name": "credits_internal.upkeep_conditions", "file": "procedures/internal/upkeep_conditions.sql", "source_sha256": "d193b6d2b24caec80aa4caf3bb7cc08ea9df0d8c1a70b1896b81b09fff343574"}, {"kind": "function", "name": "credits_internal.user_balance", "file": "procedures/internal/user_balance.sql", "source_sha256": "885f86e7a04d255da16a080827f13b33b5b917f72abab577a913ee07a0c856ce"}, {"kind": "function", "name": "credits_internal.utc_text", "file": "procedures/internal/utc_text.sql", "source_sha256": "c1ee78f109558438ed3e3ca402c02da6753c55bdeb3a2bb3a377923936ed8079"}, {"kind": "function", "name": "credits_internal.uuid_v7", "file": "procedures/internal/uuid_v7.sql", "source_sha256": "3806612a67747344d319896e4cf23ec526fa2e41fdc71b3a1e116144290f2d42"}, {"kind": "function", "name": "credits_internal.uuid_v7_prefix", "file": "procedures/internal/uuid_v7_prefix.sql", "source_sha256": "7da7db6d87f2bd5d4b6db1edf450f3afa038cbeb9f9423e3630d3704b81da22f"}, {"kind": "function", "name": "credits_internal.verify_entries", "file": "procedures/internal/verify_entries.sql", "source_sha256": "7fdd1c58c25b8816a59c8e36686cbb5e4320ca406e98b09e6495bff2830c12f8"}, {"kind": "function", "name": "credits_internal.verify_generations", "file": "procedures/internal/verify_generations.sql", "source_sha256": "91148e9f602b01b2a28b85be505b725a3d0bcf0baa39a1d64b75b374bece2b96"}, {"kind": "function", "name": "credits_internal.verify_lots", "file": "procedures/internal/verify_lots.sql", "source_sha256": "8d88c2c17bb463122a68573c5a648510fe362feba3d2251b27c567f53d38661c"}, {"kind": "function", "name": "credits_internal.verify_purchases", "file": "procedures/internal/verify_purchases.sql", "source_sha256": "acc9bd2c260e4d72096aadaa0ccb4535a42b036e271c4105515c952c83a5f6a5"}, {"kind": "function", "name": "credits_internal.verify_refunds", "file": "procedures/internal/verify_refunds.sql", "source_sha256": "efc010dec65b85607acd72cdec5e53b68a9bfb76b30893b9c2e871bf885cf331"}, {"kind": "function", "name": "credits_internal.verify_revocations", "file": "procedures/internal/verify_revocations.sql", "source_sha256": "3eafd77fed0ce30cf3f64118f73c1e6bb946cfbe0a8ae2bdcc64af1b57108f85"}, {"kind": "function", "name": "credits_internal.verify_users", "file": "procedures/internal/verify_users.sql", "source_sha256": "9b29c8078a0fc696e26fe8d83113d5aa13233b505ee956ba35f2e17d3317535b"}, {"kind": "function", "name": "credits_internal.write_entry", "file": "procedures/internal/write_entry.sql", "source_sha256": "65f86b926c620a340475915849e377f542ee8db1e11edb63b119543ba992e044"}, {"kind": "function", "name": "credits_internal.write_event", "file": "procedures/internal/write_event.sql", "source_sha256": "71268201efcb1b45f395e702eeb1e7084aee11c1719a18150594750b61921e44"}, {"kind": "function", "name": "credits.deduct_user_credits", "file": "procedures/ledger/deduct_user_credits.sql", "source_sha256": "3afee3510923b3fca87a35a8b272ce01045d14c7ea442e6a4401214e5bcaf317"}, {"kind": "function", "name": "credits.freeze_user_credits", "file": "procedures/ledger/freeze_user_credits.sql", "source_sha256": "e94bce96606f40fd1be6fa348cb1823e913c9151d4a15858089496b5fccde06c"}, {"kind": "function", "name": "credits.get_user_credits", "file": "procedures/ledger/get_user_credits.sql", "source_sha256": "532db0ab5cdfee2ff5a3f782b943d7b265840edd4180aafbb0b631e596a04190"}, {"kind": "function", "name": "credits.get_user_credits_at", "file": "procedures/ledger/get_user_credits_at.sql", "source_sha256": "ca893be9bba11607efe8affdc5514042ca014e10e7a564bdc4e1e7a01b91c054"}, {"kind": "function", "name": "credits.get_user_transactions", "file": "procedures/ledger/get_user_transactions.sql", "source_sha256": "d1601ad84c54497c6bf0037bbf9db0a3dea59a55f7ad4b9f5d773511e5147297"}, {"kind": "function", "name": "credits.grant_user_credits", "file": "procedures/ledger/grant_user_credits.sql", "source_sha256": "8c3d8e0add850a8599dc9a2e8d80c977e9fd82aa11aae46f60e2879ae6dc45c3"}, {"kind": "function", "name": "credits.redact_user", "file": "procedures/ledger/redact_user.sql", "source_sha256": "fd716208b3854bc4b9490c1a8a4f0a77a1324ead9d3258c060dbacf32fa7f944"}, {"kind": "function", "name": "credits.refund_user_credits", "file": "procedures/ledger/refund_user_credits.sql", "source_sha256": "bab63823d568a6e06fdb3bc931226740715fcba5041fe6575c59d75ff9a01a19"}, {"kind": "function", "name": "credits.revoke_user_credits", "file": "procedures/ledger/revoke_user_credits.sql", "source_sha256": "94ef701c38d810a4b4877aae743b959504614c40dde6c407332a7356b181c613"}, {"kind": "function", "name": "credits.set_low_balance_threshold", "file": "procedures/ledger/set_low_balance_threshold.sql", "source_sha256": "4276cc74c86bf59d0fb88049a8233bf35fb1726b22ab15c341ca4fb89dc9415c"}, {"kind": "function", "name": "credits.set_user_plan", "file": "procedures/ledger/set_user_plan.sql", "source_sha256": "702ed08702757dec77381bf4e6584d7ecd931adcbf7bed7d04f58afa31bf4795"}, {"kind": "function", "name": "credits.unfreeze_user_credits", "file": "procedures/ledger/unfreeze_user_credits.sql", "source_sha256": "f02fdd9ae6d8115ae5e281e0b3ca886c22eda2fdda6128b58ed06abd63b6ce2a"}, {"kind": "function", "name": "credits.apply_monthly_allowances", "file": "procedures/maintenance/apply_monthly_allowances.sql", "source_sha256": "cda1abe672382374d12a0902903401a67d130a122806ee094dfbd563fc6ae120"}, {"kind": "function", "name": "credits.apply_waiting_callbacks", "file": "procedures/maintenance/apply_waiting_callbacks.sql", "source_sha256": "42da3353c2830f1ce65ecee5e7f7f2b37d4374ad32abf2907b7f3ea88f74b24e"}, {"kind": "function", "name": "credits.dashboard_stats", "file": "procedures/maintenance/dashboard_stats.sql", "source_sha256": "c526cb74e8741281b0191ee335cb2afb60f856cdc213e4582fb4b6f7735d865f"}, {"kind": "function", "name": "credits.expire_user_credits", "file": "procedures/maintenance/expire_user_credits.sql", "source_sha256": "fc141451cf3581b12210a2076e948de6fcf1a553c6349fafcf9dd6552971a698"}, {"kind": "function", "name": "credits.retry_failed_refunds", "file": "procedures/maintenance/retry_failed_refunds.sql", "source_sha256": "2f4b43fedf7b12fe07a19c3280c7a647ea02a04ca1f809c1af5d3337e316e178"}, {"kind": "function", "name": "credits.run_maintenance", "file": "procedures/maintenance/run_maintenance.sql", "source_sha256": "1dcad7fd2b6db34355e4bc384c0846b601dc4e412e51cef4df629cb0aec5315d"}, {"kind": "function", "name": "credits.settle_owed_refunds", "file": "procedures/maintenance/settle_owed_refunds.sql", "source_sha256": "34e9d921a4fda9985a9fd7c3dead9cdd975716eb9c48be38d20d12782a4a6ee7"}, {"kind": "function", "name": "credits.sweep_stuck_generations", "file": "procedures/maintenance/sweep_stuck_generations.sql", "source_sha256": "6a974135cb86e5404f2ee16594b4a42f660cbaa1f70bb53aa55496c28fbb1e9f"}, {"kind": "view", "name": "credits_monitoring.business_days", "file": "views/usage/business_days.sql", "source_sha256": "f57375e147604fb8d740622f0568948a3339bf0c5ebbb79e59986d762a74759e"}, {"kind": "view", "name": "credits_monitoring.generation_facts", "file": "views/usage/generation_facts.sql", "source_sha256": "5d0edcb6bc70a9a17a983e5d124e792c642766577c6e86e0e940b5674ccfedce"}, {"kind": "view", "name": "credits_monitoring.alert_history", "file": "views/health/alert_history.sql", "source_sha256": "dccfea30f536fa0da19b03cde044cc77847d4e98a70941a9fb5ceac143fd6756"}, {"kind": "view", "name": "credits_monitoring.balances_by_plan", "file": "views/health/balances_by_plan.sql", "source_sha256": "2764e6350260a3456466ad3c7866184d0e92aaed505e6147afb7d82264bea2cd"}, {"kind": "view", "name": "credits_monitoring.credit_liability", "file": "views/health/credit_liability.sql", "source_sha256": "e06882e2848cd9ca14d88e64f6a9eca4853bff6bcc7283db3e430aa544e57f2b"}, {"kind": "view", "name": "credits_monitoring.open_alerts", "file": "views/health/open_alerts.sql", "source_sha256": "b3b2dde3cd1ec87279ecd916c40c3e3294a4faaccb1610e2b90ba37255d3af2a"}, {"kind": "view", "name": "credits_monitoring.stuck_generations", "file": "views/health/stuck_generations.sql", "source_sha256": "3ab37e49f22338ec30da2e9e7f85027371ccc7d744dc83e1e11763b9ca6616b4"}, {"kind": "view", "name": "credits_monitoring.users_needing_refunds", "file": "views/refunds/users_needing_refunds.sql", "source_sha256": "1916d33cca8dffda1f0db250f27dd6fafa26f22d2653bb159161a745308eea15"}, {"kind": "view", "name": "credits_monitoring.ledger_entries", "file": "views/integrity/ledger_entries.sql", "source_sha256": "be5f2422559e57dbd049625c3bbec0c5e7dda3898d647417f9e4ca05a48d37dc"}, {"kind": "view", "name": "credits_monitoring.schema_inventory", "file": "views/integrity/schema_inventory.sql", "source_sha256": "f2f583cc4bcb504674a3a87a275312ad328a896e5bbdedd7f2d18385cf3b4e33"}, {"kind": "view", "name": "credits_monitoring.user_statement", "file": "views/integrity/user_statement.sql", "source_sha256": "93e03fb3860191dfe0b129f67e42d74c9e605ff106fece3c046750ce9b27e9bb"}, {"kind": "view", "name": "credits_monitoring.absorbed_costs_daily", "file": "views/costs/absorbed_costs_daily.sql", "source_sha256": "73a1f51f1c2491e928f6fb31911514a97c2956674ae73088110683703e024348"}, {"kind": "view", "name": "credits_monitoring.generation_costs", "file": "views/costs/generation_costs.sql", "source_sha256": "693b68f20ed14db2a18413f415b7861651a4750309c8167234378eabe44c35a9"}, {"kind": "view", "name": "credits_monitoring.provider_costs_daily", "file": "views/costs/provider_costs_daily.sql", "source_sha256": "5048fcc14492ab19cfa7c5e89ab4782a8f24e6558871dfb368030eef55a3b051"}, {"kind": "view", "name": "credits_monitoring.provider_costs_monthly", "file": "views/costs/provider_costs_monthly.sql", "source_sha256": "ef19b7b0fe239d50b117e41aed74f4ea650ee2c266cd453856ed77fe5e8c026e"}, {"kind": "view", "name": "credits_monitoring.provider_reliability", "file": "views/health/provider_reliability.sql", "source_sha256": "009a8970ea0544d248fb89b44882232fefadd3bc1c8d5991c37771a1e0df9192"}, {"kind": "view", "name": "credits_monitoring.recent_failures", "file": "views/refunds/recent_failures.sql", "source_sha256": "f67b52f31e3532213750df473661a602a9afde2a621f1de74f7e286a0ec1e75f"}, {"kind": "view", "name": "credits_monitoring.refund_rate_daily", "file": "views/refunds/refund_rate_daily.sql", "source_sha256": "e63c0a74ec14b4192023ad3bd1b2aaa0be4f5cc927bb2d45ebe8b088568f7c87"}, {"kind": "view", "name": "credits_monitoring.refunds_by_reason_daily", "file": "views/refunds/refunds_by_reason_daily.sql", "source_sha256": "d323b04d4d89b7a4535e360a578ca8f44955ff990c7ae7adae6bbbf091aa0a1a"}, {"kind": "view", "name": "credits_monitoring.active_users_daily", "file": "views/usage/active_users_daily.sql", "source_sha256": "6623e9ecda8159ee58d097a884473191325c7b69a86c288379ed65bd2780ecd0"}, {"kind": "view", "name": "credits_monitoring.active_users_monthly", "file": "views/usage/active_users_monthly.sql", "source_sha256": "2eea4546682f56fcd1c42afcbfa4b3f264398f958fb607216a8b1e857d132c8d"}, {"kind": "view", "name": "credits_monitoring.outcome_rates_daily", "file": "views/usage/outcome_rates_daily.sql", "source_sha256": "9056ea5bcf2987ceca87d60c0b8fd7d22f11e75f2ce8bf76a1742c8f4d3884be"}, {"kind": "view", "name": "credits_monitoring.usage_daily", "file": "views/usage/usage_daily.sql", "source_sha256": "e1c3858b2d40b06e0e94835eaa0b9e84d39fa9590537a46301897ecfe59a560a"}, {"kind": "view", "name": "credits_monitoring.system_health", "file": "views/health/system_health.sql", "source_sha256": "1d35da935f0efd7414725591a2a4b6e5ae9c987443cbeb5a3b04636f60bdf836"}, {"kind": "view", "name": "credits_monitoring.trial_balance", "file": "views/integrity/trial_balance.sql", "source_sha256": "3abd7a83f1f2c48b510eb098d197b91fd8de93459ffab342d61f322d919e811f"}, {"kind": "view", "name": "credits_monitoring.user_costs_monthly", "file": "views/costs/user_costs_monthly.sql", "source_sha256": "044ec2ec2f4a2a9c65c78b10aa3d22072b757b7613ab7a340b76bb5f32d6c85b"}, {"kind": "view", "name": "credits_monitoring.top_users_monthly", "file": "views/usage/top_users_monthly.sql", "source_sha256": "cf51006505e7bf65eab74259bdb46b703ae7d9159de054691a1acd704c8bcb22"}]'::jsonb)
        as f (kind text, name text, file text, source_sha256 text)
    on live.kind = f.kind and live.name = f.name
where true
on conflict (kind, identity) do update
set
    file = coalesce(excluded.file, manifest.file),
    source_sha256 = coalesce(excluded.source_sha256, manifest.source_sha256),
    state = excluded.state,
    fingerprint = excluded.fingerprint,
    server_major = excluded.server_major,
    package_version = excluded.package_version,
    installed_at = excluded.installed_at;

insert into credits_deploy.deployments (package_version) values ('0.1.0');

commit;
