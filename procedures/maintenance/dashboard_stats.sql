-- All that an admin page shows at first, in one JSON object.

create or replace function credits.dashboard_stats()
returns jsonb
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
-- The planner expects far more days from the views than there are; compiling for so many would take
-- longer than the queries themselves.
set jit = off
as $dashboard_stats$
declare
    v_today timestamptz;
    v_this_month timestamptz;
    v_week_ago constant timestamptz := now() - interval '7 days';
    v_active_users_today bigint;
    v_totals jsonb;
    v_refunds bigint;
    v_credits jsonb;
    v_providers jsonb;
    v_failures jsonb;
    v_health jsonb;
begin
    select
        date_trunc('day', t.now) at time zone s.business_time_zone,
        date_trunc('month', t.now) at time zone s.business_time_zone
    into
        v_today,
        v_this_month
    from credits.settings as s
    cross join lateral (select now() at time zone s.business_time_zone as now) as t;

    select count(distinct g.user_id)
    into v_active_users_today
    from credits_monitoring.generation_facts as g
    where g.started_at >= v_today;

    -- Each generation is read once: finished ones by finished_at (one that was started this month
    -- has finished this month, too), those in flight by started_at.
    with seen as (
        select g.*
        from credits_monitoring.generation_facts as g
        where g.finished_at >= least(v_this_month, v_week_ago)

        union all

        select g.*
        from credits_monitoring.generation_facts as g
        where
            g.finished_at is null
            and g.started_at >= v_this_month
    ),

    -- Generations count by when they started, costs by when they finished, as in the views: a
    -- provider may have one without the other.
    providers as (
        select
            s.provider,
            count(*) filter (where s.started_at >= v_this_month) as generations,
            count(*) filter (where s.started_at >= v_today) as today,
            count(*) filter (
                where s.started_at >= v_this_month
                and s.status = 'succeeded'
            ) as succeeded,
            count(*) filter (
                where s.started_at >= v_this_month
                and s.status in ('failed', 'timed_out')
            ) as failed,
            count(*) filter (where s.finished_at >= v_this_month) as ended,
            coalesce(sum(s.cost_usd) filter (where s.finished_at >= v_this_month), 0) as cost_usd,
            coalesce(sum(s.cost_usd) filter (where s.finished_at >= v_today), 0) as today_usd,
            count(*) filter (
                where s.finished_at > v_week_ago
                and s.is_finished
            ) as finished_7_days,
            count(*) filter (
                where s.finished_at > v_week_ago
                and s.status = 'succeeded'
            ) as succeeded_7_days
        from seen as s
        group by s.provider
    )

    select
        jsonb_build_object(
            'generationsToday', coalesce(sum(p.today), 0),
            'costTodayUsd', coalesce(sum(p.today_usd), 0),
            'generationsThisMonth', coalesce(sum(p.generations), 0),
            'costThisMonthUsd', coalesce(sum(p.cost_usd), 0),
            'successRate7DaysPct',
            round(100.0 * sum(p.succeeded_7_days) / nullif(sum(p.finished_7_days), 0), 2)
        ),
        coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'provider', p.provider,
                    'generations', p.generations,
                    'succeeded', p.succeeded,
                    'failed', p.failed,
                    'costUsd', p.cost_usd,
                    'successRatePct',
                    round(100.0 * p.succeeded / nullif(p.succeeded + p.failed, 0), 2)
                )
                order by
                    p.generations desc,
                    p.provider
            ) filter (where p.generations > 0 or p.ended > 0),
            '[]'
        )
    into
        v_totals,
        v_providers
    from providers as p;

    select count(*)
    into v_refunds
    from credits.credit_transactions as t
    where
        t.transaction_type = 'refund'
        and t.created_at > v_week_ago;

    select
        jsonb_build_object(
            'usersWithCredits', coalesce(sum(b.users_with_credits), 0),
            'totalCreditsInCirculation', coalesce(sum(b.outstanding_credits), 0)
        )
    into v_credits
    from credits_monitoring.balances_by_plan as b;

    select
        coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'userId', f.user_id,
                    'externalUserId', f.external_user_id,
                    'generationId', f.generation_id,
                    'provider', f.provider,
                    'generationType', f.generation_type,
                    'errorType', f.error_type,
                    'errorMessage', f.error_message,
                    'finishedAt', credits_internal.utc_text(f.finished_at),
                    'creditsRefunded', f.credits_refunded
                )
                order by
                    f.finished_at desc,
                    f.generation_id desc
            ),
            '[]'
        )
    into v_failures
    from (
        select r.*
        from credits_monitoring.recent_failures as r
        order by
            r.finished_at desc,
            r.generation_id desc
        limit 10
    ) as f;

    select
        jsonb_build_object(
            'status', h.status,
            'reasons', h.reasons,
            'inFlight', h.in_flight,
            'stuck', h.stuck,
            'finished1h', h.finished_1h,
            'failures1h', h.failures_1h,
            'refundRate24hPct', h.refund_rate_24h_pct,
            'owedRefunds', h.owed_refunds,
            'owedCredits', h.owed_credits,
            'openAlerts', h.open_alerts,
            'ledgerViolations', h.ledger_violations,
            'lastMaintenanceAt', credits_internal.utc_text(h.last_maintenance_at),
            'maintenanceDueSince', credits_internal.utc_text(h.maintenance_due_since)
        )
    into v_health
    from credits_monitoring.system_health as h;

    return v_totals || v_credits || jsonb_build_object(
        'activeUsersToday', v_active_users_today,
        'refundsLast7Days', v_refunds,
        'providerUsage', v_providers,
        'recentFailures', v_failures,
        'systemHealth', v_health
    );
end
$dashboard_stats$;

comment on function credits.dashboard_stats is
'The figures of an admin page, in one JSON object. Today and this month are those of the business '
'time zone; 7 days end now. Generations count by when they started, costs by when they finished; '
'unknown costs are left out. refundsLast7Days = refunds of the ledger. providerUsage = this month, '
'failed = failed or timed out. recentFailures = the last 10; their messages are hostile input. '
'Times are UTC.';

revoke all on function credits.dashboard_stats from public;
grant execute on function credits.dashboard_stats to credits_analyst;
