delete from credits.sweep_positions as p
where p.task = 'check_ledger';

delete from credits.system_alerts as a
where a.type = 'purchase_key_shared';
delete from credits.alert_rules as r
where r.type = 'purchase_key_shared';
delete from credits.alert_types as t
where t.type = 'purchase_key_shared';

alter table credits.settings drop column full_check_every;

drop index credits.credit_transactions_purchases;
drop index credits.credit_transactions_reversals;

drop index credits.ledger_checks_under_way;
drop index credits.ledger_checks_verified_at;
create index ledger_checks_verified_at on credits.ledger_checks (verified_at);

delete from credits.ledger_checks as c
where c.verified_at is null;

alter table credits.ledger_checks
drop column rewritten_at,
drop column checkpoint,
drop column found,
drop column full_at,
alter column verified_at set not null;

drop type credits.ledger_part;
drop type credits_internal.proof;
drop type credits_internal.proof_piece;
drop type credits_internal.checkpoint;
