-- Why credits came back on each day.

create or replace view credits_monitoring.refunds_by_reason_daily as
select
    d.day,
    t.error_type,
    count(*) as refunds,
    sum(t.credits)::bigint as credits_refunded,
    count(distinct t.user_id) as users,
    coalesce(sum(t.absorbed_cost_usd), 0) as absorbed_cost_usd
from credits_monitoring.business_days as d
cross join
    lateral (
        select
            r.user_id,
            r.credits,
            g.error_type,
            g.absorbed_cost_usd
        from credits.credit_transactions as r
        left join lateral (
            select
                f.error_type,
                -- Of several refunds of one generation, only the latest carries its cost.
                case
                    when f.is_absorbed and f.last_refund_id = r.transaction_id then f.cost_usd
                end as absorbed_cost_usd
            from credits_monitoring.generation_facts as f
            where
                f.user_id = r.user_id
                and f.generation_id = coalesce(
                    r.generation_id,
                    -- A task that an older application writes is not named by its refund.
                    (
                        select m.generation_id
                        from credits.mirrored_tasks as m
                        where
                            m.user_id = r.user_id
                            and m.charge_transaction_id = r.refund_of
                    )
                )
            offset 0
        ) as g on true
        where
            r.transaction_type = 'refund'
            and r.created_at >= d.starts_at
            and r.created_at < d.ends_at
        -- offset 0 keeps the planner from pulling this up: each day reads only its own
        -- part of the index.
        offset 0
    ) as t
group by
    d.day,
    t.error_type;

comment on view credits_monitoring.refunds_by_reason_daily is
'One row per day of the refund and kind of failure: every refund of the ledger counts in one row. '
'Days are those of the business time zone.';
comment on column credits_monitoring.refunds_by_reason_daily.day is 'Day of the refund.';
comment on column credits_monitoring.refunds_by_reason_daily.error_type is
'Kind of failure of the refunded generation; null = no failure: a lower price or goodwill after '
'a success, or a deduction without a generation.';
comment on column credits_monitoring.refunds_by_reason_daily.refunds is
'Refunds: rows of the ledger.';
comment on column credits_monitoring.refunds_by_reason_daily.credits_refunded is
'Credits that came back.';
comment on column credits_monitoring.refunds_by_reason_daily.users is
'Users to whom they came back.';
comment on column credits_monitoring.refunds_by_reason_daily.absorbed_cost_usd is
'US dollars that providers bill for what was given back, each generation at its latest refund.';

revoke all on credits_monitoring.refunds_by_reason_daily from public;
grant select on credits_monitoring.refunds_by_reason_daily to credits_analyst;
