-- What was purged is gone, and the rule of low_balance keeps its time_window, which nothing reads.

drop table credits.purge_positions;

alter table credits.generation_events drop column payload_purged_at;

alter table credits.settings
drop column keep_payloads,
drop column keep_resolved_alerts,
drop column keep_unmatched_callbacks;

delete from credits.waiting_alerts as w
where w.not_before is not null;

alter table credits.waiting_alerts drop column not_before;

drop index credits.provider_tasks_to_apply;

alter table credits.provider_tasks
drop column tried_at,
drop column waiting_callbacks,
drop column dropped_callbacks;

alter table credits.generations
drop column last_repeated_at,
drop column repeated_reports;
