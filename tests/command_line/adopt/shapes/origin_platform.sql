-- A platform for AI images, as its database was when it grew: the total includes what was bought,
-- tiers are in upper case, a sign-up trigger opens accounts, tasks keep their prompts.

create schema auth;
create table auth.users (id uuid primary key, email text);

create table public.user_credits (
    id uuid primary key default gen_random_uuid(),
    user_id uuid unique references auth.users (id) on delete cascade,
    subscription_tier varchar(20) default 'FREE',
    monthly_allowance int default 10,
    current_balance int default 10,
    consumed_this_month int default 0,
    last_reset_at timestamptz default now(),
    lifetime_consumed int default 0,
    purchased_credits_balance int default 0,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);
comment on column public.user_credits.current_balance is
'All that can be spent, including purchased credits.';

create table public.credit_transactions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid,
    transaction_type varchar(20),
    credits_used int not null,
    api_request_id varchar(100),
    status varchar(20),
    created_at timestamptz default now()
);

create table public.enhancement_tasks (
    id uuid primary key default gen_random_uuid(),
    user_id uuid,
    enhancement_type text not null,
    status text,
    credits_consumed int,
    provider text,
    provider_task_id text,
    error_message text,
    prompt text,
    result_url text,
    created_at timestamptz default now()
);

-- Users read their own row in the browser.
alter table public.user_credits enable row level security;
create function auth.uid() returns uuid language sql stable as $$
    select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid
$$;
create policy own_credits on public.user_credits for select using (auth.uid() = user_id);

create function public.handle_new_user()
returns trigger
language plpgsql
security definer
as $$
begin
    insert into public.user_credits (user_id, subscription_tier, monthly_allowance)
    values (new.id, 'FREE', 10)
    on conflict do nothing;
    return new;
end
$$;
create trigger on_auth_user_created
after insert on auth.users
for each row execute function public.handle_new_user();

create function public.consume_user_credits(p_user_id uuid, p_credits int)
returns jsonb
language plpgsql
security definer
as $$
declare
    v_balance int;
begin
    select uc.current_balance into v_balance
    from public.user_credits as uc
    where uc.user_id = p_user_id
    for update;
    if v_balance is null or v_balance < p_credits then
        return jsonb_build_object('success', false, 'error', 'Insufficient credits');
    end if;
    update public.user_credits
    set
        current_balance = v_balance - p_credits,
        consumed_this_month = consumed_this_month + p_credits,
        lifetime_consumed = lifetime_consumed + p_credits
    where user_id = p_user_id;
    return jsonb_build_object('success', true, 'remaining_balance', v_balance - p_credits);
end
$$;

create function public.refund_user_credits(p_user_id uuid, p_credits int, p_reason varchar)
returns void
language plpgsql
security definer
as $$
begin
    update public.user_credits
    set current_balance = current_balance + p_credits
    where user_id = p_user_id;
end
$$;

create function public.add_purchased_credits(p_user_id uuid, p_credits int)
returns void
language plpgsql
security definer
as $$
begin
    update public.user_credits
    set
        current_balance = current_balance + p_credits,
        purchased_credits_balance = purchased_credits_balance + p_credits
    where user_id = p_user_id;
end
$$;
