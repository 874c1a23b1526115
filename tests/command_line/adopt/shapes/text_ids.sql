-- Users' ids are texts: of an auth service, on the users' own table, whose balance is a column of it.

create table public.member (
    id text primary key,
    email text,
    credits integer not null default 0
);

create table public.credit_entry (
    id text primary key,
    "memberId" text not null references public.member,
    type text not null,
    amount integer not null,
    "createdAt" timestamp not null default now()
);

create table public.generation (
    id text primary key,
    "memberId" text not null,
    status text not null,
    "creditCost" integer not null,
    "createdAt" timestamp not null default now() - interval '3 days'
);

create function public.spend_credits(p_member_id text, p_credits integer, p_reason text)
returns boolean
language plpgsql
as $$
begin
    update public.member
    set credits = credits - p_credits
    where id = p_member_id and credits >= p_credits;
    if not found then
        return false;
    end if;
    insert into public.credit_entry (id, "memberId", type, amount)
    values (md5(random()::text), p_member_id, 'usage', -p_credits);
    return true;
end
$$;

create function public.add_purchased_credits(
    p_member_id text, p_credits integer, p_payment_id text
)
returns integer
language plpgsql
as $$
begin
    update public.member set credits = credits + p_credits where id = p_member_id;
    return (select credits from public.member where id = p_member_id);
end
$$;

insert into public.member
values
('user_2abCDEFGHijklmnopQRSTUV', 'ada@example.org', 9),
('user_2zyXWVUTsrqponmlkJIHGF', 'ben@example.org', 0);

insert into public.credit_entry
values
('e1', 'user_2abCDEFGHijklmnopQRSTUV', 'purchase', 10),
('e2', 'user_2abCDEFGHijklmnopQRSTUV', 'usage', -1);

insert into public.generation
values
('g1', 'user_2abCDEFGHijklmnopQRSTUV', 'failed', 1);
