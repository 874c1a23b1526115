-- Positive amounts, whose type says in which direction they go.
create table public.credit_balances (
    user_id uuid primary key,
    balance numeric(12, 0) not null default 0
);
create table public.credit_transactions (
    id bigserial primary key,
    user_id uuid not null,
    type text not null,
    amount numeric(12, 0) not null,
    description text,
    job_id uuid,
    created_at timestamptz not null default now()
);
create table public.jobs (
    id uuid primary key,
    user_id uuid not null,
    state text not null,
    kind text not null,
    credits_charged numeric(12, 0) not null,
    error text,
    created_at timestamptz not null default now(),
    finished_at timestamptz
);
