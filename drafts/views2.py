import sys; sys.path.insert(0,'/tmp')
from mkview import mk
mk('costs','absorbed_costs_daily','What providers billed, or may bill, for what was given back.','''
select
    d.day,
    a.provider,
    a.generations,
    a.cost_usd,
    a.unknown_billing_cost_usd
from credits_monitoring.business_days as d
cross join lateral (
    select
        g.provider,
        count(*) filter (where g.provider_billed) as generations,
        coalesce(
            sum(coalesce(g.cost_usd, g.quoted_cost_usd)) filter (where g.provider_billed), 0
        ) as cost_usd,
        coalesce(
            sum(coalesce(g.cost_usd, g.quoted_cost_usd)) filter (where g.provider_billed is null), 0
        ) as unknown_billing_cost_usd
    from credits.generations as g
    inner join credits.refund_totals as r
        on
            g.user_id = r.user_id
            and g.charge_transaction_id = r.transaction_id
    where
        g.finished_at >= d.starts_at
        and g.finished_at < d.ends_at
        and g.status <> 'succeeded'
        and g.provider_billed is not false
        and r.refunded > 0
    group by g.provider
) as a
''','One row per day of finish and provider on which something was given back that is billed or may be. Days in the business time zone.',dict(
 day='Day of the finish.',provider='Who did the work.',generations='Generations that did not succeed, were given back, and are billed.',cost_usd='US dollars of these.',unknown_billing_cost_usd='US dollars of those of which nobody knows whether they are billed.'))
mk('refunds','refund_rate_daily','Which share of what finished on each day was given back, against the target.','''
select
    d.day,
    f.provider,
    f.finished,
    f.refunded,
    round(f.rate_pct, 2) as refund_rate_pct,
    s.refund_rate_target_pct as target_pct,
    f.rate_pct <= s.refund_rate_target_pct as within_target
from credits_monitoring.business_days as d
cross join credits.settings as s
cross join lateral (
    select
        g.provider,
        count(*) as finished,
        count(*) filter (where r.refunded > 0) as refunded,
        100.0 * count(*) filter (where r.refunded > 0) / count(*) as rate_pct
    from credits.generations as g
    left join credits.refund_totals as r
        on
            g.user_id = r.user_id
            and g.charge_transaction_id = r.transaction_id
            -- What comes back of a success is a lower price, or goodwill.
            and g.status <> 'succeeded'
    where
        g.finished_at >= d.starts_at
        and g.finished_at < d.ends_at
        and g.status <> 'cancelled'
    group by g.provider
) as f
''','One row per day of finish and provider. Finished = succeeded, failed or timed out. Days in the business time zone.',dict(
 day='Day of the finish.',provider='Who did the work.',finished='Generations that succeeded, failed or timed out.',refunded='Those of them that failed or timed out and of which credits came back.',refund_rate_pct='These in percent of what finished.',target_pct='Percent that is still acceptable: settings.refund_rate_target_pct.',within_target='Whether it is.'))
mk('refunds','refunds_by_reason_daily','Why credits came back on each day.','''
select
    d.day,
    f.error_type,
    f.refunds,
    f.credits_refunded,
    f.users,
    f.absorbed_cost_usd
from credits_monitoring.business_days as d
cross join lateral (
    select
        case
            when g.generation_id is null then 'no generation'
            when g.status = 'succeeded' then 'succeeded'
            else coalesce(g.error_type, 'unknown')
        end as error_type,
        count(*) as refunds,
        sum(t.credits)::bigint as credits_refunded,
        count(distinct t.user_id) as users,
        coalesce(
            -- Of several refunds of one generation, the first carries its cost.
            sum(coalesce(g.cost_usd, g.quoted_cost_usd)) filter (
                where g.provider_billed
                and g.status <> 'succeeded'
                and not exists (
                    select
                    from credits.credit_transactions as e
                    where
                        e.user_id = t.user_id
                        and e.refund_of = t.refund_of
                        and e.seq < t.seq
                )
            ),
            0
        ) as absorbed_cost_usd
    from credits.credit_transactions as t
    left join credits.generations as g
        on
            t.user_id = g.user_id
            and t.generation_id = g.generation_id
    where
        t.transaction_type = 'refund'
        and t.created_at >= d.starts_at
        and t.created_at < d.ends_at
    group by 1
) as f
''','X',dict())
