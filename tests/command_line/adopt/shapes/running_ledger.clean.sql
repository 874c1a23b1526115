insert into public.accounts (email, token_balance)
values ('one@example.com', 70), ('two@example.com', 0), ('three@example.com', 40);
insert into public.credit_ledger (account_id, delta, balance_after, kind, reference)
values
(1, 100, 100, 'purchase', 'pay-1'), (1, -40, 60, 'usage', 'job-1'), (1, 10, 70, 'refund', 'job-1'),
(3, 40, 40, 'purchase', 'pay-2');
