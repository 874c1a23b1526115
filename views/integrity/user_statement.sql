-- A user's ledger as a statement: every row with the balance after it.

create or replace view credits_monitoring.user_statement as
select
    t.user_id,
    t.seq,
    t.created_at as at,
    t.transaction_type::text as transaction_type,
    t.credits,
    t.balance_after,
    t.generation_id,
    t.reason,
    x.external_id as external_user_id
from credits.credit_transactions as t
left join credits.external_users as x on t.user_id = x.user_id;

comment on view credits_monitoring.user_statement is
'One row per ledger row: every movement of every user''s credits, with the balance after it.';
comment on column credits_monitoring.user_statement.user_id is 'Whose credits moved.';
comment on column credits_monitoring.user_statement.seq is
'Position in the user''s ledger: 1, 2, 3 without gaps.';
comment on column credits_monitoring.user_statement.at is 'When, by the server''s clock.';
comment on column credits_monitoring.user_statement.transaction_type is
'grant, deduction, refund, expiry or revocation.';
comment on column credits_monitoring.user_statement.credits is
'Credits moved: positive into the user''s balance, negative out of it.';
comment on column credits_monitoring.user_statement.balance_after is
'The balance after this row, in credits.';
comment on column credits_monitoring.user_statement.generation_id is
'The generation paid or refunded; null = none.';
comment on column credits_monitoring.user_statement.reason is 'Why, in the caller''s words.';
comment on column credits_monitoring.user_statement.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.user_statement from public;
grant select on credits_monitoring.user_statement to credits_analyst;
