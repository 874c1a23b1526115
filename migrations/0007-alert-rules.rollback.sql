alter table credits.settings drop column history_starts_at;

drop index credits.generations_created_at;

drop type credits_internal.alert_condition;

drop index credits.ledger_checks_violations;

drop type credits.alert_check;

drop type credits.maintenance_result;

alter table credits.system_alerts alter column notified_at drop not null;
comment on column credits.system_alerts.notified_at is
'When listeners were last told; null = never.';

drop index credits.system_alerts_resolved_at;

drop index credits.system_alerts_notified_at;

drop index credits.system_alerts_open;

drop table credits.alert_rules;
