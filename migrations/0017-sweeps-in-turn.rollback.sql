delete from credits.alert_rules as r
where r.type = 'maintenance_behind';

delete from credits.alert_types as t
where t.type = 'maintenance_behind';

drop index credits.generations_refund_owed;
create index generations_refund_owed on credits.generations (refund_tried_at)
where refund_owed_since is not null;

delete from credits.sweep_positions as p
where p.task in ('sweep_stuck_generations', 'retry_failed_refunds', 'settle_owed_refunds');
