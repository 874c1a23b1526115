-- Two columns, one for each direction; there is no balance but their sum.
create table public.credit_entries (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    credit int,
    debit int,
    memo text,
    entry_date timestamptz not null default now()
);
