insert into auth.users (id)
select lpad(to_hex(u), 32, '0')::uuid from generate_series(1, 14) as u;

insert into public.user_credits (
    user_id, subscription_tier, monthly_allowance, current_balance, purchased_credits_balance,
    last_reset_at
)
select
    lpad(to_hex(u), 32, '0')::uuid, 'pro', 50, monthly, bought,
    now() - make_interval(days => days)
from (
    values
        (1, 20, 5, 3), (2, 30, 0, 3), (3, 30, 0, 3), (4, 31, 0, 3), (5, 44, 0, 3), (6, 10, 2, 3),
        -- L1: more was spent than there was.
        (7, -5, 0, 3),
        (8, 6, 0, 3), (9, 0, 4, 3), (10, 1, 0, 3), (11, 2, 0, 3), (12, 3, 0, 3),
        -- L19: should have been replaced ten days ago.
        (13, 8, 0, 40),
        (14, 0, 0, 3)
) as v (u, monthly, bought, days);
-- Nobody's.
insert into public.user_credits (user_id, current_balance, purchased_credits_balance)
values (null, 9, 0);

alter table public.enhancement_tasks disable trigger auto_refund_on_failure;
insert into public.enhancement_tasks (
    id, user_id, enhancement_type, status, credits_consumed, provider, provider_task_id,
    error_type, error_message, created_at, refunded, refund_credits, refunded_at
)
select
    lpad(to_hex(40960 + t), 32, '0')::uuid, lpad(to_hex(u), 32, '0')::uuid, 'video', status, price,
    'Kling', 'p-' || t, case when status = 'failed' then 'internal_error' end,
    case when status = 'failed' then '<script>alert(1)</script>' end,
    now() - make_interval(hours => hours), told, came_back,
    case when told then now() - interval '1 hour' end
from (
    values
        (1, 1, 'completed', 12, null, null, 50),
        -- L9: charged, and that was it.
        (2, 2, 'failed', 12, false, null, 50),
        -- L17: refunded, but only the log knows.
        (3, 3, 'failed', 12, false, null, 50),
        -- L12: 1, whatever was charged.
        (4, 4, 'failed', 20, true, 1, 50),
        -- L3: the trigger, the function and the callback.
        (5, 5, 'failed', 2, true, 2, 50),
        -- Two failures, and a refund that does not say which.
        (6, 6, 'failed', 5, false, null, 50),
        (7, 6, 'failed', 7, false, null, 49),
        -- In flight, and in flight for three days.
        (8, 8, 'processing', 4, null, null, 1),
        (9, 9, 'processing', 6, null, null, 72),
        -- L18: refunded, and delivered.
        (10, 10, 'completed', 3, true, 3, 50),
        (11, 11, 'cancelled', 3, null, null, 50),
        -- L10: free.
        (12, 12, 'completed', 0, null, null, 50),
        (13, 2, 'timeout', 8, null, null, 49),
        -- Two of ours with one of the provider's.
        (14, 1, 'completed', 2, null, null, 48),
        (15, 1, 'completed', 2, null, null, 48)
) as v (t, u, status, price, told, came_back, hours);
update public.enhancement_tasks set provider_task_id = 'p-same'
where id in (
    lpad(to_hex(40974), 32, '0')::uuid,
    lpad(to_hex(40975), 32, '0')::uuid
);
alter table public.enhancement_tasks enable trigger auto_refund_on_failure;

insert into public.credit_transactions (
    user_id, transaction_type, credits_used, api_request_id, status, created_at
)
select user_id, 'usage', credits_consumed, id::text, 'completed', created_at
from public.enhancement_tasks
where credits_consumed > 0;

insert into public.credit_refunds (task_id, user_id, credits_refunded, reason)
select
    lpad(to_hex(40960 + t), 32, '0')::uuid, lpad(to_hex(u), 32, '0')::uuid, credits, 'failed'
from (values (3, 3, 12), (5, 5, 2), (5, 5, 2)) as v (t, u, credits);
-- L6: of either sign; two of them name no task.
insert into public.credit_transactions (
    user_id, transaction_type, credits_used, api_request_id, status
)
select
    lpad(to_hex(u), 32, '0')::uuid, 'refund', credits,
    lpad(to_hex(40960 + t), 32, '0')::uuid::text, 'completed'
from (
    values (3, 3, 12), (5, 5, -2), (5, 5, 2), (null, 6, -5)
) as v (t, u, credits);
