-- The ledger in double entry: what enters a wallet leaves another account, and the other way round.

create or replace view credits_monitoring.ledger_entries as
select
    t.user_id,
    t.seq,
    t.created_at as at,
    case
        when leg.is_wallet then 'wallet'
        when t.transaction_type = 'grant' then 'issued'
        when t.transaction_type = 'expiry' then 'expired'
        when t.transaction_type = 'revocation' then 'revoked'
        else 'used'
    end as account,
    case when leg.is_wallet then t.credits else -t.credits end as credits,
    x.external_id as external_user_id
from credits.credit_transactions as t
cross join (
    values (true), (false)
) as leg (is_wallet)
left join credits.external_users as x on t.user_id = x.user_id;

comment on view credits_monitoring.ledger_entries is
'Two rows per ledger row: the user''s wallet, and the account that its credits came from or went '
'to. The two sum to 0.';
comment on column credits_monitoring.ledger_entries.user_id is 'Whose credits moved.';
comment on column credits_monitoring.ledger_entries.seq is
'Position in the user''s ledger: 1, 2, 3 without gaps.';
comment on column credits_monitoring.ledger_entries.at is 'When, by the server''s clock.';
comment on column credits_monitoring.ledger_entries.account is
'wallet (what users hold), issued (granted), used (deductions less refunds), expired, or revoked.';
comment on column credits_monitoring.ledger_entries.credits is
'Credits: positive into the account, negative out of it.';
comment on column credits_monitoring.ledger_entries.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.ledger_entries from public;
grant select on credits_monitoring.ledger_entries to credits_analyst;
