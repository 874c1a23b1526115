-- How far behind each task of maintenance is.

create or replace view credits_monitoring.maintenance_backlog as
with earliest as (
    select
        'apply_waiting_callbacks' as task,
        min(c.received_at) as due_at
    from credits.provider_tasks as t
    inner join credits.provider_callbacks as c
        on
            t.provider = c.provider
            and t.provider_task_id = c.provider_task_id
    where
        t.user_id is not null
        and t.waiting_callbacks > 0

    union all

    select
        'sweep_stuck_generations' as task,
        min(g.deadline_at) as due_at
    from credits.generations as g
    where g.finished_at is null

    union all

    select
        'retry_failed_refunds' as task,
        min(g.refund_owed_since) as due_at
    from credits.generations as g
    where
        g.refund_owed_since is not null
        and not g.owed_review

    union all

    -- Both serve the users who are due; which of the two it is takes reading them all.
    select
        'apply_allowances, expire_user_credits' as task,
        min(u.next_due_at) as due_at
    from credits.user_credits as u

    union all

    -- Some ledgers are to be checked every hour.
    select
        'check_ledger' as task,
        coalesce(
            (select max(c.verified_at) from credits.ledger_checks as c),
            (select min(u.created_at) from credits.user_credits as u)
        ) + interval '1 hour' as due_at
)

select
    e.task,
    e.due_at,
    greatest(0, extract(epoch from now() - e.due_at))::bigint as behind_seconds
from earliest as e;

comment on view credits_monitoring.maintenance_backlog is
'One row per task of maintenance that has something to do at some time: how far behind it is. '
'Cheap to read, also while a million users are due.';
comment on column credits_monitoring.maintenance_backlog.task is
'The function that does it, or the functions of which one does.';
comment on column credits_monitoring.maintenance_backlog.due_at is
'When the first of what it has to do was due, or will be; null = nothing is in sight.';
comment on column credits_monitoring.maintenance_backlog.behind_seconds is
'Seconds since due_at; 0 = it is not due yet, or nothing is.';

revoke all on credits_monitoring.maintenance_backlog from public;
grant select on credits_monitoring.maintenance_backlog to credits_analyst;
