-- Wallets of a package for PHP: a holder of any kind, signed amounts that are deposits or
-- withdrawals, some of them not confirmed, and rows that are deleted softly.
create table users (
    id bigint generated always as identity primary key,
    email text not null unique,
    deleted_at timestamp
);
create table wallets (
    id bigint generated always as identity primary key,
    holder_type varchar(255) not null,
    holder_id bigint not null,
    name varchar(255) not null,
    slug varchar(255) not null,
    uuid uuid not null unique default gen_random_uuid(),
    meta json,
    balance numeric(64, 0) not null default 0,
    decimal_places smallint not null default 2,
    created_at timestamp default now(),
    updated_at timestamp default now(),
    deleted_at timestamp,
    unique (holder_type, holder_id, slug)
);
create table transactions (
    id bigint generated always as identity primary key,
    payable_type varchar(255) not null,
    payable_id bigint not null,
    wallet_id bigint not null references wallets (id) on delete cascade,
    type varchar(255) not null check (type in ('deposit', 'withdraw')),
    amount numeric(64, 0) not null,
    confirmed boolean not null,
    meta json,
    uuid uuid not null unique default gen_random_uuid(),
    created_at timestamp default now(),
    updated_at timestamp default now(),
    deleted_at timestamp
);
create table renders (
    id bigint generated always as identity primary key,
    user_id bigint not null references users (id),
    status varchar(20) not null,
    credits integer not null,
    created_at timestamp default now() - interval '3 days',
    finished_at timestamp
);

-- A wallet is made with the first deposit, so that its number is not its holder's.
insert into users (email) values
('ada@example.org'), ('ben@example.org'), ('cy@example.org');
insert into wallets (holder_type, holder_id, name, slug)
select 'App\Models\User', u.id, 'Default Wallet', 'default' from users as u order by u.id desc;
insert into transactions (payable_type, payable_id, wallet_id, type, amount, confirmed)
select w.holder_type, w.holder_id, w.id, 'deposit', 100, true from wallets as w;
update wallets set balance = balance + 100;
-- Ada spends 30 and 12, of which the second fails; a payment of hers is never confirmed.
insert into renders (user_id, status, credits) values (1, 'done', 30), (1, 'failed', 12);
insert into transactions (payable_type, payable_id, wallet_id, type, amount, confirmed) values
('App\Models\User', 1, 3, 'withdraw', -30, true), ('App\Models\User', 1, 3, 'withdraw', -12, true),
('App\Models\User', 1, 3, 'deposit', 500, false);
update wallets set balance = balance - 42 where holder_id = 1;
-- Ben's bonus was booked in error, and deleted.
insert into transactions
(payable_type, payable_id, wallet_id, type, amount, confirmed, deleted_at)
values ('App\Models\User', 2, 2, 'deposit', 9, true, now());
