-- Sweeps of generations go on where they ended.

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
