drop index credits.system_alerts_alert_id;

drop table credits.waiting_alerts;

delete from credits.provider_tasks as t
where t.user_id is null;

alter table credits.provider_tasks
drop constraint provider_tasks_attached_to_a_generation,
alter column user_id set not null,
alter column generation_id set not null;
