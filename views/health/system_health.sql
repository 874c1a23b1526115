-- How the platform is, in one row.

create or replace view credits_monitoring.system_health as
with recent as (
    select
        count(*) filter (where g.finished_at > now() - interval '1 hour') as finished_1h,
        count(*) filter (
            where g.finished_at > now() - interval '1 hour'
            and g.status <> 'succeeded'
        ) as failures_1h,
        count(*) as finished_24h
    from credits_monitoring.generation_facts as g
    where
        g.finished_at > now() - interval '24 hours'
        and g.is_finished
),

-- Refunds are counted apart, so that they are looked up for failures only.
refunded as (
    select count(*) as refunded_24h
    from credits_monitoring.generation_facts as g
    where
        g.finished_at > now() - interval '24 hours'
        and g.status in ('failed', 'timed_out')
        and g.is_refunded
),

flight as (
    select
        count(*) as in_flight,
        count(*) filter (where g.deadline_at < now()) as stuck
    from credits.generations as g
    where g.finished_at is null
),

owed as (
    select
        count(*) as refunds,
        coalesce(sum(o.credits_owed), 0)::bigint as credits,
        coalesce(max(o.age_seconds), 0) as age_seconds
    from credits_monitoring.users_needing_refunds as o
),

alerts as (
    select
        count(*) as open_alerts,
        count(*) filter (where a.level = 'critical') as critical
    from credits.system_alerts as a
    where
        a.resolved_at is null
        and a.level > 'info'
),

checks as (
    select max(c.verified_at) as last_at
    from credits.ledger_checks as c
),

upkeep as (
    select
        min(b.due_at) filter (where b.due_at <= now()) as due_since,
        -- Without users there is no ledger to check, and no time at which that is due.
        bool_or(
            b.task = 'check_ledger'
            and (b.due_at <= now() or (b.due_at is not null and c.last_at is null))
        ) as is_late,
        string_agg(b.task, ', ' order by b.due_at) filter (
            where b.task <> 'check_ledger'
            and b.due_at <= now() - coalesce(r.time_window, interval '15 minutes')
        ) as behind
    from credits_monitoring.maintenance_backlog as b
    cross join checks as c
    left join credits.alert_rules as r on r.type = 'maintenance_behind'
),

violations as (
    select count(*) as users
    from credits.ledger_checks as c
    where c.violations > 0
),

reasons as (
    select
        array_agg(x.reason order by x.place) as reasons,
        bool_or(x.is_critical) as is_critical
    from violations as v
    cross join owed as o
    cross join flight as f
    cross join alerts as a
    cross join upkeep as u
    cross join checks as c
    cross join
        lateral (
            values
            (1, v.users > 0, true, format('ledgers with violations: %s', v.users)),
            (
                2, o.age_seconds > 300, true,
                format('refunds are owed for longer than 5 minutes: %s seconds', o.age_seconds)
            ),
            (3, a.critical > 0, true, format('open critical alerts: %s', a.critical)),
            (
                4, a.open_alerts > a.critical, false,
                format('open warnings and errors: %s', a.open_alerts - a.critical)
            ),
            (
                5, o.refunds > 0 and o.age_seconds <= 300, false,
                format('refunds are owed: %s', o.refunds)
            ),
            (6, f.stuck > 0, false, format('generations past their deadline: %s', f.stuck)),
            (
                7, u.is_late, false,
                case
                    when c.last_at is null then 'maintenance has never checked a ledger'
                    else 'maintenance has checked no ledger for an hour'
                end
            ),
            (8, u.behind is not null, false, format('maintenance is behind: %s', u.behind))
        ) as x (place, holds, is_critical, reason)
    where x.holds
)

select
    case
        when s.is_critical then 'critical'
        when s.reasons is not null then 'degraded'
        else 'ok'
    end as status,
    coalesce(s.reasons, '{}') as reasons,
    f.in_flight,
    f.stuck,
    r.finished_1h,
    r.failures_1h,
    round(100.0 * b.refunded_24h / nullif(r.finished_24h, 0), 2) as refund_rate_24h_pct,
    o.refunds as owed_refunds,
    o.credits as owed_credits,
    a.open_alerts,
    v.users as ledger_violations,
    c.last_at as last_maintenance_at,
    u.due_since as maintenance_due_since
from reasons as s
cross join flight as f
cross join recent as r
cross join refunded as b
cross join owed as o
cross join alerts as a
cross join violations as v
cross join checks as c
cross join upkeep as u;

comment on view credits_monitoring.system_health is
'One row: whether operators have to look at anything, and why.';
comment on column credits_monitoring.system_health.status is 'ok, degraded or critical.';
comment on column credits_monitoring.system_health.reasons is
'Why status is not ok, the worst first; empty where it is.';
comment on column credits_monitoring.system_health.in_flight is
'Generations that have not finished.';
comment on column credits_monitoring.system_health.stuck is
'Generations in flight that are past their deadline.';
comment on column credits_monitoring.system_health.finished_1h is
'Generations that succeeded, failed or timed out within the last hour.';
comment on column credits_monitoring.system_health.failures_1h is
'Generations of finished_1h that did not succeed.';
comment on column credits_monitoring.system_health.refund_rate_24h_pct is
'Percent of what finished within 24 hours that did not succeed and was given back; null = '
'nothing finished.';
comment on column credits_monitoring.system_health.owed_refunds is
'Refunds that could not be paid yet: see users_needing_refunds.';
comment on column credits_monitoring.system_health.owed_credits is
'Credits that these refunds still have to give back.';
comment on column credits_monitoring.system_health.open_alerts is
'Open alerts, except those of level info, which are about users.';
comment on column credits_monitoring.system_health.ledger_violations is
'Users whose ledger check_ledger found violated.';
comment on column credits_monitoring.system_health.last_maintenance_at is
'When check_ledger last verified a user: the sign that maintenance runs; null = never.';
comment on column credits_monitoring.system_health.maintenance_due_since is
'Since when the first of what maintenance has to do is due: see maintenance_backlog; null = '
'nothing is.';

revoke all on credits_monitoring.system_health from public;
grant select on credits_monitoring.system_health to credits_analyst;
