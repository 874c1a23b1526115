-- Events are all that there is: a partition for each year, amounts in a domain, and users who were
-- deleted softly. Their credits are the sum of the events.
create domain positive as numeric check (value > 0);
create domain credit_amount as positive;
create type event_kind as enum (
    'credits.granted', 'credits.spent', 'credits.refunded', 'credits.expired'
);
create table customers (
    id text primary key,
    email text,
    deleted_at timestamptz
);
create table credit_events (
    id uuid not null default gen_random_uuid(),
    customer_id text not null,
    kind event_kind not null,
    amount credit_amount not null,
    generation_id uuid,
    occurred_at timestamptz not null,
    primary key (id, occurred_at)
) partition by range (occurred_at);
create table credit_events_old partition of credit_events
for values from (minvalue) to ('2026-01-01');
create table credit_events_new partition of credit_events
for values from ('2026-01-01') to (maxvalue);
create table generations (
    id uuid primary key,
    customer_id text not null references customers (id),
    state text not null,
    credits_charged numeric not null,
    created_at timestamptz not null,
    finished_at timestamptz
);

insert into customers values
('cus_Ada', 'ada@example.org', null), ('cus_Ben', 'ben@example.org', null),
('cus_Cy', null, '2026-02-01');
insert into credit_events (customer_id, kind, amount, occurred_at) values
('cus_Ada', 'credits.granted', 100, '2025-11-01'), ('cus_Ben', 'credits.granted', 20, '2025-12-01'),
('cus_Cy', 'credits.granted', 7, '2025-12-02'), ('cus_Ada', 'credits.expired', 15, '2026-01-01'),
('cus_Ben', 'credits.granted', 30, '2026-02-01');
insert into generations values
('00000000-0000-0000-0000-0000000000a1', 'cus_Ada', 'completed', 40, '2026-02-02', '2026-02-02'),
('00000000-0000-0000-0000-0000000000a2', 'cus_Ben', 'failed', 12, '2026-02-03', '2026-02-03'),
('00000000-0000-0000-0000-0000000000a3', 'cus_Ben', 'failed', 9, '2026-02-04', '2026-02-04');
insert into credit_events (customer_id, kind, amount, generation_id, occurred_at)
select g.customer_id, 'credits.spent', g.credits_charged, g.id, g.created_at from generations as g;
insert into credit_events (customer_id, kind, amount, generation_id, occurred_at)
select g.customer_id, 'credits.refunded', 12, g.id, g.created_at from generations as g
where g.credits_charged = 12;
