-- Prepaid packs: how many credits each had and how many are used; a log says which pack paid.
create table users (id uuid primary key, email text);
create table credit_packs (
    id uuid primary key,
    user_id uuid not null references users (id),
    credits_total integer not null,
    credits_used integer not null default 0,
    expires_at timestamptz,
    purchased_at timestamptz not null default now()
);
create table pack_usages (
    id bigint generated always as identity primary key,
    pack_id uuid not null references credit_packs (id),
    credits integer not null,
    job_id uuid not null,
    created_at timestamptz not null default now()
);
create table jobs (
    id uuid primary key,
    user_id uuid not null references users (id),
    status text not null,
    credits_charged integer not null,
    created_at timestamptz not null default now() - interval '2 days'
);

insert into users values
('00000000-0000-0000-0000-000000000001', 'ada@example.org'),
('00000000-0000-0000-0000-000000000002', 'ben@example.org');
insert into credit_packs (id, user_id, credits_total, expires_at) values
(
    '00000000-0000-0000-0000-0000000000b1', '00000000-0000-0000-0000-000000000001', 50,
    now() + interval '20 days'
),
('00000000-0000-0000-0000-0000000000b2', '00000000-0000-0000-0000-000000000001', 200, null),
('00000000-0000-0000-0000-0000000000b3', '00000000-0000-0000-0000-000000000002', 30, null);
-- Ada's job takes what the first pack has, and the rest from the second; Ben's job fails.
insert into jobs values
('00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-000000000001', 'completed', 60),
('00000000-0000-0000-0000-0000000000a2', '00000000-0000-0000-0000-000000000002', 'failed', 11);
insert into pack_usages (pack_id, credits, job_id) values
('00000000-0000-0000-0000-0000000000b1', 45, '00000000-0000-0000-0000-0000000000a1'),
('00000000-0000-0000-0000-0000000000b2', 15, '00000000-0000-0000-0000-0000000000a1'),
('00000000-0000-0000-0000-0000000000b3', 11, '00000000-0000-0000-0000-0000000000a2');
update credit_packs as p
set credits_used = p.credits_used + u.credits
from pack_usages as u
where u.pack_id = p.id;
