drop table credits.ledger_checks;
drop table credits.revocations;
drop table credits.refund_totals;
drop table credits.credit_transactions;
drop table credits.credit_lots;
drop table credits.user_credits;
