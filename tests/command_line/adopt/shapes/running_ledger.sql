-- A ledger of signed steps, each with the balance after it; ids of users are numbers.
create table public.accounts (
    id bigint generated always as identity primary key,
    email text unique,
    token_balance bigint not null default 0
);
create table public.credit_ledger (
    id bigint generated always as identity primary key,
    account_id bigint not null references public.accounts (id),
    delta bigint not null,
    balance_after bigint not null,
    kind text not null,
    reference text,
    created_at timestamptz not null default now()
);
