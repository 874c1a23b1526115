-- A starter's users with their credits, and a log that says only how many and why in a sentence.
create table "User" (
    "id" integer generated always as identity primary key,
    "email" text not null unique,
    "organizationId" integer,
    "credits" integer not null default 5
);
create table "CreditTransaction" (
    "id" integer generated always as identity primary key,
    "userId" integer not null references "User" ("id") on delete cascade,
    "amount" integer not null,
    "description" text not null,
    "createdAt" timestamp(3) not null default current_timestamp
);

insert into "User" ("email", "organizationId") values
('ada@example.org', 7), ('ben@example.org', 7), ('cy@example.org', 8);
insert into "CreditTransaction" ("userId", "amount", "description")
select u."id", 5, 'Welcome, ' || u."email" from "User" as u;
update "User" set "credits" = "credits" + 100 where "id" = 1;
insert into "CreditTransaction" ("userId", "amount", "description")
values (1, 100, 'Purchased 100 credits');
update "User" set "credits" = "credits" - 3 where "id" in (1, 2);
insert into "CreditTransaction" ("userId", "amount", "description") values
(1, -3, 'Transcribed a file of 3 minutes'), (2, -3, 'Transcribed a file of 2.5 minutes');
