-- Double entry in dollars of six decimals: each transfer has an entry on two accounts, of which one
-- may be the platform's. Whose an entry is only its account says.
create type entry_direction as enum ('credit', 'debit');
create table ledger_accounts (
    id uuid primary key default gen_random_uuid(),
    owner_id uuid,
    name text not null,
    currency char(3) not null default 'USD',
    balance numeric(18, 6) not null default 0,
    unique (owner_id, currency)
);
create table ledger_transfers (
    id bigint generated always as identity primary key,
    reason text not null,
    created_at timestamptz not null default now()
);
create table ledger_entries (
    id bigint generated always as identity primary key,
    transfer_id bigint not null references ledger_transfers (id),
    account_id uuid not null references ledger_accounts (id),
    direction entry_direction not null,
    amount numeric(18, 6) not null check (amount > 0),
    posted_at timestamptz not null default now()
);
create function post(p_from text, p_to text, p_amount numeric, p_reason text) returns void
language sql as $$
    with transfer as (
        insert into ledger_transfers (reason) values (p_reason) returning id
    )
    insert into ledger_entries (transfer_id, account_id, direction, amount)
    select t.id, a.id, d.direction, p_amount
    from transfer as t
    cross join (values (p_from, 'debit'::entry_direction), (p_to, 'credit')) as d (name, direction)
    inner join ledger_accounts as a on a.name = d.name;
    update ledger_accounts set balance = balance - p_amount where name = p_from;
    update ledger_accounts set balance = balance + p_amount where name = p_to;
$$;
revoke execute on function post from public;

insert into ledger_accounts (owner_id, name) values
(null, 'cash'), (null, 'revenue'), (null, 'promotions'),
('00000000-0000-0000-0000-000000000001', 'ada'), ('00000000-0000-0000-0000-000000000002', 'ben');
select post('cash', 'ada', 25, 'top-up');
select post('promotions', 'ben', 5, 'welcome');
select post('ada', 'revenue', 0.004215, 'completion');
select post('ada', 'revenue', 1.25, 'image');
select post('revenue', 'ada', 1.25, 'image failed');
select post('ben', 'revenue', 0.999999, 'completion');
