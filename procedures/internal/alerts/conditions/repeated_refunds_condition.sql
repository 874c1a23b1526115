-- Users who had too many refunds lately.
--
-- After an outage that may be everybody: the hundred with the most refunds are named. So that
-- alerts do not come and go, who is named already stays so while among the two hundred with the
-- most. Of the others one alert says how many they are.

create or replace function credits_internal.repeated_refunds_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $repeated_refunds_condition$
    with users as (
        select
            r.type,
            r.threshold,
            r.time_window,
            f.user_id,
            f.refunds,
            f.credits,
            row_number() over (order by f.refunds desc, a.alert_id, f.user_id)
            <= case when a.alert_id is null then 100 else 200 end as is_named
        from credits.alert_rules as r
        cross join lateral (
            select
                t.user_id,
                count(*) as refunds,
                sum(t.credits) as credits
            from credits.credit_transactions as t
            where
                t.transaction_type = 'refund'
                and t.created_at > p_now - r.time_window
            group by t.user_id
        ) as f
        left join credits.system_alerts as a
            on
                f.user_id = a.user_id
                and r.type = a.type
                and a.dedup_key = ''
                and a.resolved_at is null
        where
            r.type = 'repeated_refunds'
            and r.enabled
            and f.refunds > r.threshold
    )

    select
        u.type,
        u.user_id,
        '',
        null::credits.alert_level,
        null::text,
        format('%s refunds within %s', u.refunds, u.time_window),
        jsonb_build_object('refunds', u.refunds, 'credits', u.credits)
    from users as u
    where u.is_named
    union all
    select p.*
    from (
        select
            o.type,
            o.threshold,
            o.time_window,
            count(*) as users,
            sum(o.refunds) as refunds,
            sum(o.credits) as credits
        from users as o
        where not o.is_named
        group by
            o.type,
            o.threshold,
            o.time_window
    ) as n
    cross join lateral credits_internal.platform_condition(
        p_type => n.type,
        p_message => format(
            '%s more users had more than %s refunds within %s',
            n.users,
            n.threshold,
            n.time_window
        ),
        p_metadata => jsonb_build_object(
            'users', n.users,
            'refunds', n.refunds,
            'credits', n.credits
        )
    ) as p
$repeated_refunds_condition$;

comment on function credits_internal.repeated_refunds_condition is
'The condition of repeated_refunds for each of the hundred users with the most refunds of whom it '
'holds at this time, for who is named already and among the two hundred, and one that counts the '
'others.';

revoke all on function credits_internal.repeated_refunds_condition from public;
