-- What was used this period is counted up to a limit; bought credits stand beside it. Made by an
-- object mapper for TypeScript: quoted names, an enum, ids that are texts.
create type "CreditTransactionType" as enum (
    'GRANT', 'USAGE', 'OVERAGE', 'REFUND', 'PURCHASE', 'ADJUSTMENT'
);
create type "JobStatus" as enum ('QUEUED', 'RUNNING', 'DONE', 'FAILED');
create table "User" (
    "id" text primary key,
    "email" text not null unique,
    "organizationId" text
);
create table "CreditBalance" (
    "id" text primary key,
    "userId" text not null unique references "User" ("id") on delete cascade,
    "periodStart" timestamp(3) not null,
    "periodEnd" timestamp(3) not null,
    "included" integer not null,
    "used" integer not null default 0,
    "purchasedCredits" integer not null default 0,
    "updatedAt" timestamp(3) not null default current_timestamp
);
create table "CreditTransaction" (
    "id" text primary key default gen_random_uuid()::text,
    "userId" text not null references "User" ("id") on delete cascade,
    "type" "CreditTransactionType" not null,
    "amount" integer not null,
    "jobId" text,
    "createdAt" timestamp(3) not null default current_timestamp
);
create table "RenderJob" (
    "id" text primary key,
    "userId" text not null references "User" ("id") on delete cascade,
    "status" "JobStatus" not null default 'QUEUED',
    "creditCost" integer not null,
    "createdAt" timestamp(3) not null default current_timestamp,
    "finishedAt" timestamp(3)
);

-- Sign-ups: 50 credits a period.
insert into "User" values
('cm1ada', 'ada@example.org', 'cmorg1'), ('cm2ben', 'ben@example.org', 'cmorg1'),
('cm3cy', 'cy@example.org', null);
insert into "CreditBalance" ("id", "userId", "periodStart", "periodEnd", "included")
select 'b' || u."id", u."id", now() - interval '40 days', now() - interval '10 days', 50
from "User" as u;
insert into "CreditTransaction" ("userId", "type", "amount", "createdAt")
select u."id", 'GRANT', 50, now() - interval '40 days' from "User" as u;
-- Ada renders for 20 in the first period; the rest ends with it, and the next one begins.
update "CreditBalance" set "used" = "used" + 20 where "userId" = 'cm1ada';
insert into "CreditTransaction" ("userId", "type", "amount", "jobId", "createdAt")
values ('cm1ada', 'USAGE', -20, 'job1', now() - interval '30 days');
insert into "RenderJob" values
('job1', 'cm1ada', 'DONE', 20, now() - interval '30 days', now() - interval '30 days');
insert into "CreditTransaction" ("userId", "type", "amount", "createdAt")
select b."userId", 'ADJUSTMENT', b."used" - b."included", now() - interval '10 days'
from "CreditBalance" as b;
insert into "CreditTransaction" ("userId", "type", "amount", "createdAt")
select b."userId", 'GRANT', 50, now() - interval '10 days' from "CreditBalance" as b;
update "CreditBalance"
set "used" = 0, "periodStart" = now() - interval '10 days', "periodEnd" = now() + interval '20 days';
-- Ben buys 100, renders twice, and gets one of the two back; Cy's failed render is never refunded.
update "CreditBalance" set "purchasedCredits" = "purchasedCredits" + 100 where "userId" = 'cm2ben';
insert into "CreditTransaction" ("userId", "type", "amount") values ('cm2ben', 'PURCHASE', 100);
insert into "RenderJob" values
('job2', 'cm2ben', 'FAILED', 8, now() - interval '5 days', now() - interval '5 days'),
('job3', 'cm2ben', 'DONE', 8, now() - interval '5 days', now() - interval '5 days'),
('job4', 'cm3cy', 'FAILED', 7, now() - interval '5 days', now() - interval '5 days');
update "CreditBalance" set "used" = "used" + 16 where "userId" = 'cm2ben';
update "CreditBalance" set "used" = "used" + 7 where "userId" = 'cm3cy';
insert into "CreditTransaction" ("userId", "type", "amount", "jobId") values
('cm2ben', 'USAGE', -8, 'job2'), ('cm2ben', 'USAGE', -8, 'job3'), ('cm3cy', 'USAGE', -7, 'job4');
update "CreditBalance" set "used" = "used" - 8 where "userId" = 'cm2ben';
insert into "CreditTransaction" ("userId", "type", "amount", "jobId")
values ('cm2ben', 'REFUND', 8, 'job2');
