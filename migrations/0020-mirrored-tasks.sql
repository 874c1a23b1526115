-- Tasks of an older application that goes on writing them: which generation each became, and which
-- deduction paid for it.

create table credits.mirrored_tasks (
    user_id uuid not null,
    generation_id uuid not null,
    charge_transaction_id uuid,
    credits bigint,
    mirrored_at timestamptz not null,
    asked_back_at timestamptz,
    source_table text not null,
    source_id text not null,
    asked_back_as text,
    constraint mirrored_tasks_pkey primary key (user_id, generation_id),
    constraint mirrored_tasks_credits_not_negative check (credits >= 0),
    constraint mirrored_tasks_charge_pays_for_one unique (user_id, charge_transaction_id),
    constraint mirrored_tasks_generation_exists foreign key (user_id, generation_id)
    references credits.generations (user_id, generation_id)
);

-- A task is found by its row, whoever is named as its user by now.
create index mirrored_tasks_source on credits.mirrored_tasks (source_table, source_id);

comment on table credits.mirrored_tasks is
'Tasks that an older application writes after its system was moved over, and the generations that '
'they are here. The deduction that pays for one was made before the generation was known, and '
'does not name it: it is named here, and pays for no other.';
comment on column credits.mirrored_tasks.user_id is
'Who pays: the user whom the task named first.';
comment on column credits.mirrored_tasks.generation_id is
'The generation that it is here.';
comment on column credits.mirrored_tasks.charge_transaction_id is
'The deduction that paid for it; null = none is known yet, or the generation has one of its own.';
comment on column credits.mirrored_tasks.credits is
'What the task costs, as its row says; null = the generation was not made from the task: it has '
'a deduction of its own, or was settled in the older system.';
comment on column credits.mirrored_tasks.mirrored_at is
'When the task was first seen here.';
comment on column credits.mirrored_tasks.asked_back_at is
'When the application asked for the refund of the task itself; null = it has not.';
comment on column credits.mirrored_tasks.asked_back_as is
'The key of that call, where it named what is not known here; null = it named nothing else.';
comment on column credits.mirrored_tasks.source_table is
'The table of the task, with its schema.';
comment on column credits.mirrored_tasks.source_id is
'The key of the task''s row.';
