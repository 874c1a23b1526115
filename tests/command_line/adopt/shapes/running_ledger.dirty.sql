insert into public.accounts (email, token_balance)
values ('one@example.com', 70), ('two@example.com', 5), ('three@example.com', 40);
-- L1: the third step began from a balance that was no more; L6: a refund that took; L13: paid twice.
insert into public.credit_ledger (account_id, delta, balance_after, kind, reference)
values
(1, 100, 100, 'purchase', 'pay-1'), (1, -40, 60, 'usage', 'job-1'), (1, -30, 70, 'usage', 'job-2'),
(1, -10, 60, 'refund', 'job-1'),
(3, 20, 20, 'purchase', 'pay-2'), (3, 20, 40, 'purchase', 'pay-2');
