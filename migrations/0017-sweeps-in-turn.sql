-- Sweeps of generations go on where they ended, and somebody is told where maintenance is behind.

insert into credits.sweep_positions (task)
values
('sweep_stuck_generations'),
('retry_failed_refunds'),
('settle_owed_refunds');

-- In the order in which the sweeps serve them: those that were never tried first.
drop index credits.generations_refund_owed;
create index generations_refund_owed on credits.generations (
    (coalesce(refund_tried_at, '-infinity')), user_id
)
where refund_owed_since is not null;

insert into credits.alert_types (type, is_judged)
values
('maintenance_behind', true);

insert into credits.alert_rules (type, level, time_window, renotify_after, description)
values
(
    'maintenance_behind', 'warning', '15 minutes', '1 hour',
    'Something that a task of maintenance has to do has been due for longer than time_window: see '
    'maintenance_backlog.'
)
on conflict do nothing;
