alter table credits.generations alter column charge_transaction_id set not null;
comment on column credits.generations.charge_transaction_id is
'The deduction that paid for it.';

drop table credits.imported_balances;
drop table credits.imported_history;
drop table credits.imported_tables;

drop type credits.imported_kind;
drop type credits_internal.imported_task;
