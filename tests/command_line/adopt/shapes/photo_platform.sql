-- The photo platform of LEGACY.md: buckets on one row, a log of transactions, tasks that say of
-- themselves whether they were refunded. Its functions have the faults that it lists.

create schema auth;
create table auth.users (id uuid primary key, email text);

create table public.user_credits (
    id uuid primary key default gen_random_uuid(),
    user_id uuid unique references auth.users (id) on delete cascade,
    subscription_tier varchar(20),
    monthly_allowance int,
    current_balance int,
    consumed_this_month int default 0,
    last_reset_at timestamptz,
    lifetime_consumed int default 0,
    purchased_credits_balance int default 0,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table public.credit_transactions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid,
    moodboard_id uuid,
    transaction_type varchar(20),
    credits_used int not null,
    cost_usd numeric(8, 4),
    provider varchar(50),
    api_request_id varchar(100),
    enhancement_type varchar(50),
    status varchar(20),
    error_message text,
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
    api_task_id text,
    cost_usd numeric,
    provider_cost numeric,
    error_type varchar(50),
    error_message text,
    failed_at timestamptz,
    refunded boolean,
    refund_status text,
    refund_credits int,
    refund_reason text,
    refunded_at timestamptz,
    refund_processed_at timestamptz,
    prompt text,
    result_url text,
    created_at timestamptz default now()
);

create table public.refund_policies (
    error_type varchar(50) primary key,
    should_refund boolean not null,
    refund_percentage int not null
);
insert into public.refund_policies values
('timeout', true, 100), ('internal_error', true, 100), ('user_cancelled', false, 0);

create table public.credit_refunds (
    id uuid primary key default gen_random_uuid(),
    task_id uuid,
    user_id uuid,
    credits_refunded int,
    reason text,
    previous_balance int,
    new_balance int,
    platform_loss numeric,
    created_at timestamptz default now()
);
create table public.refund_audit_log (like public.credit_refunds including all);

create table public.system_alerts (
    id uuid primary key default gen_random_uuid(),
    type varchar(50) not null,
    level varchar(20) not null,
    message text not null,
    metadata jsonb,
    created_at timestamptz default now()
);

-- What nothing uses.
create table public.credit_pools (
    id uuid primary key default gen_random_uuid(),
    provider varchar(50),
    available_balance numeric,
    updated_at timestamptz default now()
);
insert into public.credit_pools (provider, available_balance)
values ('fal_ai', 0), ('nanobanana', 0), ('manual', 12.5);
create table public.credit_purchase_requests (
    id uuid primary key default gen_random_uuid(),
    pool_id uuid references public.credit_pools (id),
    credits_requested int,
    status varchar(20)
);
create table public.platform_credits (provider varchar(50) primary key, balance numeric);
create table public.api_providers (name text primary key, base_url text);
create table public.daily_usage_summary (day date primary key, generations int);
create table public.credit_alerts (id uuid primary key, message text);

-- L1, L8, L14, L20: reads, judges and writes an absolute value. Ambiguous, so that it fails.
create function public.consume_user_credits(
    p_user_id uuid, p_credits int, p_enhancement_type varchar
)
returns table (remaining_balance int)
language plpgsql
security definer
as $$
declare
    current_balance int;
begin
    select uc.current_balance into current_balance
    from public.user_credits as uc
    where uc.user_id = p_user_id;
    if current_balance < p_credits then
        raise exception 'Insufficient credits';
    end if;
    update public.user_credits
    set current_balance = current_balance - p_credits
    where user_id = p_user_id;
    return query select current_balance - p_credits;
end
$$;

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
    where uc.user_id = p_user_id;
    if v_balance < p_credits then
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

-- L3, L5, L12: names no charge, and knows the monthly bucket only.
create function public.refund_user_credits(
    p_user_id uuid, p_credits int, p_enhancement_type varchar
)
returns void
language plpgsql
security definer
as $$
begin
    update public.user_credits
    set current_balance = current_balance + p_credits
    where user_id = p_user_id;
    insert into public.credit_transactions (
        user_id, transaction_type, credits_used, enhancement_type, status
    )
    values (p_user_id, 'refund', -p_credits, p_enhancement_type, 'completed');
end
$$;

-- L6, L15.
create function public.process_credit_refund(
    p_task_id uuid, p_user_id uuid, p_credits int, p_reason varchar
)
returns boolean
language plpgsql
security definer
as $$
declare
    v_previous int;
begin
    select uc.current_balance into v_previous
    from public.user_credits as uc
    where uc.user_id = p_user_id;
    update public.user_credits
    set current_balance = v_previous + p_credits
    where user_id = p_user_id;
    insert into public.credit_refunds (
        task_id, user_id, credits_refunded, reason, previous_balance, new_balance
    )
    values (p_task_id, p_user_id, p_credits, p_reason, v_previous, v_previous + p_credits);
    insert into public.credit_transactions (
        user_id, transaction_type, credits_used, api_request_id, status
    )
    values (p_user_id, 'refund', p_credits, p_task_id::text, 'completed');
    return true;
exception
    when others then
        return false;
end
$$;

create function public.check_refund_eligibility(p_task_id uuid)
returns boolean
language sql
as $$
    select status = 'failed' from public.enhancement_tasks where id = p_task_id
$$;

-- L13: a payment's webhook that comes twice is paid twice.
create function public.add_purchased_credits(p_user_id uuid, p_credits int)
returns void
language plpgsql
security definer
as $$
begin
    update public.user_credits
    set purchased_credits_balance = purchased_credits_balance + p_credits
    where user_id = p_user_id;
end
$$;

-- L13 again, and L11: a plan change sets what was paid for to 0, and the log has no such column.
create function public.update_user_credits(
    p_user_id uuid,
    p_amount int,
    p_type text,
    p_description text,
    p_reference_id text,
    p_metadata jsonb
)
returns void
language plpgsql
security definer
as $$
begin
    if p_type = 'plan_change' then
        update public.user_credits
        set current_balance = p_amount, purchased_credits_balance = 0
        where user_id = p_user_id;
    else
        update public.user_credits
        set current_balance = current_balance + p_amount
        where user_id = p_user_id;
    end if;
    begin
        insert into public.credit_transactions (user_id, transaction_type, amount, description)
        values (p_user_id, p_type, p_amount, p_description);
    exception
        when others then
            null;
    end;
end
$$;

create function public.consume_platform_credits(p_provider varchar, p_credits int, p_cost numeric)
returns boolean
language plpgsql
as $$
begin
    update public.credit_pools
    set available_balance = available_balance - p_credits
    where provider = p_provider;
    return found;
end
$$;

-- L2: whatever was spent meanwhile comes back.
create function public.reset_monthly_subscription_benefits()
returns void
language plpgsql
security definer
as $$
begin
    update public.user_credits
    set current_balance = monthly_allowance, consumed_this_month = 0, last_reset_at = now()
    where last_reset_at < now() - interval '30 days';
end
$$;

-- L3: one of three that refund.
create function public.auto_refund_on_failure()
returns trigger
language plpgsql
security definer
as $$
begin
    if new.status = 'failed' and old.status is distinct from 'failed' then
        update public.user_credits
        set current_balance = current_balance + 1
        where user_id = new.user_id;
        new.refunded := true;
        new.refund_credits := 1;
        new.refunded_at := now();
    end if;
    return new;
end
$$;
create trigger auto_refund_on_failure
before update on public.enhancement_tasks
for each row execute function public.auto_refund_on_failure();

-- L7, L16: tasks are counted once for each of their transactions, running ones as failures.
create view public.success_rate as
select
    t.provider,
    count(*) as tasks,
    100.0 * count(*) filter (where t.status = 'completed') / count(*) as success_rate
from public.enhancement_tasks as t
left join public.credit_transactions as c on t.id::text = c.api_request_id
group by t.provider;
