-- The sum of every account: together they are 0.

create or replace view credits_monitoring.trial_balance as
select
    e.account,
    sum(e.credits)::bigint as credits
from credits_monitoring.ledger_entries as e
group by e.account;

comment on view credits_monitoring.trial_balance is
'One row per account of ledger_entries; all rows sum to 0.';
comment on column credits_monitoring.trial_balance.account is
'wallet, issued, used, expired or revoked.';
comment on column credits_monitoring.trial_balance.credits is
'Credits in the account over all users and all time.';

revoke all on credits_monitoring.trial_balance from public;
grant select on credits_monitoring.trial_balance to credits_analyst;
