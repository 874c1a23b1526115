insert into auth.users (id)
select lpad(to_hex(u), 32, '0')::uuid from generate_series(1, 3) as u;

-- user, monthly, bought
insert into public.user_credits (
    user_id, subscription_tier, monthly_allowance, current_balance, purchased_credits_balance,
    last_reset_at, lifetime_consumed
)
select lpad(to_hex(u), 32, '0')::uuid, 'pro', 50, monthly, bought, now() - interval '3 days', used
from (values (1, 38, 0, 12), (2, 50, 100, 0), (3, 0, 7, 50)) as v (u, monthly, bought, used);

insert into public.enhancement_tasks (
    id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id, cost_usd,
    created_at, refunded, refund_credits, refunded_at
)
select
    lpad(to_hex(40960 + t), 32, '0')::uuid, lpad(to_hex(u), 32, '0')::uuid, 'video', status, price,
    'Kling', 'p-' || t, 0.4, now() - interval '2 days', came_back > 0, nullif(came_back, 0),
    case when came_back > 0 then now() - interval '1 day' end
from (
    values
        (1, 1, 'completed', 12, 0),
        (2, 2, 'failed', 20, 20),
        (3, 3, 'completed', 50, 0)
) as v (t, u, status, price, came_back);

insert into public.credit_transactions (
    user_id, transaction_type, credits_used, api_request_id, provider, cost_usd, status
)
select user_id, 'usage', credits_consumed, id::text, provider, cost_usd, 'completed'
from public.enhancement_tasks;
insert into public.credit_transactions (
    user_id, transaction_type, credits_used, api_request_id, status
)
select user_id, 'refund', refund_credits, id::text, 'completed'
from public.enhancement_tasks
where refunded;
