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
