-- What each generation brought in, and what it cost.

create or replace view credits_monitoring.generation_costs as
select
    g.user_id,
    g.generation_id,
    g.provider,
    g.generation_type,
    g.status,
    g.started_at,
    g.finished_at,
    g.credits_charged,
    g.credits_refunded,
    g.credits_charged - g.credits_refunded as credits_net,
    r.revenue_usd,
    g.cost_usd,
    g.cost_source,
    r.revenue_usd - g.cost_usd as margin_usd,
    g.is_absorbed,
    g.external_user_id
from credits_monitoring.generation_facts as g
left join lateral (
    select
        -- Refunds count, too: a fresh lot of a refund has the price of the lot that paid.
        case
            when
                coalesce(sum((a.leg ->> 'credits')::bigint) filter (
                    where l.unit_price_usd is null
                ), 0) = 0
                then -coalesce(sum((a.leg ->> 'credits')::bigint * l.unit_price_usd), 0)
        end as revenue_usd
    from credits.credit_transactions as t
    cross join lateral jsonb_array_elements(t.allocations) as a (leg)
    inner join credits.credit_lots as l
        on
            t.user_id = l.user_id
            and (a.leg ->> 'lot_id')::uuid = l.lot_id
    where
        t.user_id = g.user_id
        -- Ids sort by time: the generation's refunds lie between its charge and its last refund.
        and t.transaction_id >= g.charge_transaction_id
        and t.transaction_id <= coalesce(g.last_refund_id, g.charge_transaction_id)
        and (
            t.transaction_id = g.charge_transaction_id
            or t.refund_of = g.charge_transaction_id
        )
) as r on true;

comment on view credits_monitoring.generation_costs is
'One row per generation: its credits, what those were sold for, and what the provider bills.';
comment on column credits_monitoring.generation_costs.user_id is 'Who paid.';
comment on column credits_monitoring.generation_costs.generation_id is 'The generation.';
comment on column credits_monitoring.generation_costs.provider is 'Who did the work.';
comment on column credits_monitoring.generation_costs.generation_type is 'What was made.';
comment on column credits_monitoring.generation_costs.status is 'The status of the generation.';
comment on column credits_monitoring.generation_costs.started_at is
'When it was started and charged.';
comment on column credits_monitoring.generation_costs.finished_at is
'When it finished; null = in flight.';
comment on column credits_monitoring.generation_costs.credits_charged is
'Credits taken at the start.';
comment on column credits_monitoring.generation_costs.credits_refunded is
'Credits of credits_charged that came back until now.';
comment on column credits_monitoring.generation_costs.credits_net is
'Credits that it costs the user now.';
comment on column credits_monitoring.generation_costs.revenue_usd is
'US dollars that the credits of credits_net were sold for; null = a lot has no price.';
comment on column credits_monitoring.generation_costs.cost_usd is
'US dollars that the provider bills, else what was quoted; 0 = it bills nothing; null = '
'unknown.';
comment on column credits_monitoring.generation_costs.cost_source is
'Where cost_usd is from: billed, quoted, or none.';
comment on column credits_monitoring.generation_costs.margin_usd is
'revenue_usd less cost_usd; null = one of them is unknown.';
comment on column credits_monitoring.generation_costs.is_absorbed is
'Whether the platform bears the cost: billed, it did not succeed, and credits came back.';
comment on column credits_monitoring.generation_costs.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.generation_costs from public;
grant select on credits_monitoring.generation_costs to credits_analyst;
