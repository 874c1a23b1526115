insert into public.credit_balances (user_id, balance)
select lpad(to_hex(u), 32, '0')::uuid, balance
from (values (1, 60), (2, 25)) as v (u, balance);
insert into public.jobs (id, user_id, state, kind, credits_charged, error)
select
    lpad(to_hex(40960 + t), 32, '0')::uuid, lpad(to_hex(u), 32, '0')::uuid, state, 'image', price,
    case when state = 'error' then 'no result' end
from (values (1, 1, 'done', 40), (2, 2, 'error', 5)) as v (t, u, state, price);
insert into public.credit_transactions (user_id, type, amount, job_id)
select
    lpad(to_hex(u), 32, '0')::uuid, type, amount, lpad(to_hex(40960 + t), 32, '0')::uuid
from (
    values
        (1, 'purchase', 100, null), (1, 'deduction', 40, 1),
        (2, 'purchase', 25, null), (2, 'deduction', 5, 2), (2, 'refund', 5, 2)
) as v (u, type, amount, t);
