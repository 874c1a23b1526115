-- What is true of a generation: the one place that says what finished, billed, cost and absorbed
-- mean. A column that is not asked for costs nothing, and neither does its join.

create or replace view credits_monitoring.generation_facts as
with known as (
    select
        g.*,
        r.last_refund_id,
        coalesce(g.cost_usd, g.quoted_cost_usd) as cost_if_billed_usd,
        case
            when g.status = 'succeeded' then coalesce(g.provider_billed, true)
            else g.provider_billed
        end as is_billed,
        coalesce(r.refunded, 0) as credits_refunded
    from credits.generations as g
    -- The aggregate makes each generation look up its own refunds: a plain join may read all
    -- refunds ever paid to find those of a day.
    left join lateral (
        select
            sum(t.refunded)::bigint as refunded,
            (array_agg(t.last_refund_id))[1] as last_refund_id
        from credits.refund_totals as t
        where
            t.user_id = g.user_id
            and t.transaction_id = g.charge_transaction_id
    ) as r on true
)

select
    k.user_id,
    k.generation_id,
    k.provider,
    k.generation_type,
    k.status,
    k.error_type,
    k.error_code,
    k.error_message,
    k.created_at as started_at,
    k.finished_at,
    k.charge_transaction_id,
    k.last_refund_id,
    k.credits_charged,
    k.credits_refunded,
    k.is_billed,
    k.cost_if_billed_usd,
    extract(epoch from k.finished_at - k.created_at)::double precision as duration_seconds,
    k.status in ('succeeded', 'failed', 'timed_out') as is_finished,
    k.status in ('failed', 'timed_out')
    and coalesce(p.fault, a.fault, 'platform') = 'provider' as is_provider_fault,
    k.status in ('failed', 'timed_out', 'cancelled')
    and k.credits_refunded > 0 as is_refunded,
    case
        when k.is_billed then k.cost_if_billed_usd
        when not k.is_billed then 0
    end as cost_usd,
    case
        when k.is_billed and k.cost_usd is not null then 'billed'
        when k.is_billed and k.quoted_cost_usd is not null then 'quoted'
        else 'none'
    end as cost_source,
    k.status in ('failed', 'timed_out', 'cancelled')
    and coalesce(k.is_billed, false)
    and k.credits_refunded > 0 as is_absorbed,
    x.external_id as external_user_id
from known as k
left join credits.refund_policies as p on k.error_type = p.error_type
left join credits.refund_policies as a on a.error_type = '*'
left join credits.external_users as x on k.user_id = x.user_id;

comment on view credits_monitoring.generation_facts is
'One row per generation, with what the other views count. Texts of errors are hostile input: '
'show them as text.';
comment on column credits_monitoring.generation_facts.user_id is 'Who pays.';
comment on column credits_monitoring.generation_facts.generation_id is 'The generation.';
comment on column credits_monitoring.generation_facts.provider is 'Who does the work.';
comment on column credits_monitoring.generation_facts.generation_type is 'What is made.';
comment on column credits_monitoring.generation_facts.status is 'The status of the generation.';
comment on column credits_monitoring.generation_facts.error_type is 'Kind of failure; null = none.';
comment on column credits_monitoring.generation_facts.error_code is 'The provider''s code for it.';
comment on column credits_monitoring.generation_facts.error_message is
'What the provider or the application said of the failure.';
comment on column credits_monitoring.generation_facts.started_at is
'When it was started and charged.';
comment on column credits_monitoring.generation_facts.finished_at is
'When it succeeded, failed, was cancelled or timed out; null = in flight.';
comment on column credits_monitoring.generation_facts.charge_transaction_id is
'The deduction that paid for it.';
comment on column credits_monitoring.generation_facts.last_refund_id is
'The latest refund of it; null = none.';
comment on column credits_monitoring.generation_facts.credits_charged is
'Credits taken at the start.';
comment on column credits_monitoring.generation_facts.credits_refunded is
'Credits of credits_charged that came back until now.';
comment on column credits_monitoring.generation_facts.is_billed is
'Whether the provider bills it: it says so, or it succeeded and nothing is known; null = '
'unknown.';
comment on column credits_monitoring.generation_facts.cost_if_billed_usd is
'US dollars that the provider billed, else those that were quoted; null = unknown.';
comment on column credits_monitoring.generation_facts.duration_seconds is
'Seconds from the start to the end; null = in flight.';
comment on column credits_monitoring.generation_facts.is_finished is
'Whether it succeeded, failed or timed out: neither in flight nor cancelled.';
comment on column credits_monitoring.generation_facts.is_provider_fault is
'Whether it failed or timed out by the provider''s own fault (refund_policies; its row * for an '
'unknown kind).';
comment on column credits_monitoring.generation_facts.is_refunded is
'Whether it did not succeed and credits came back: a lower price of a success is no refund.';
comment on column credits_monitoring.generation_facts.cost_usd is
'US dollars that the provider''s work costs: cost_if_billed_usd where it is billed, 0 where it is '
'not; null = unknown.';
comment on column credits_monitoring.generation_facts.cost_source is
'Where cost_usd is from: billed, quoted, or none.';
comment on column credits_monitoring.generation_facts.is_absorbed is
'Whether the platform bears the cost: billed, it did not succeed, and credits came back.';
comment on column credits_monitoring.generation_facts.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.generation_facts from public;
grant select on credits_monitoring.generation_facts to credits_analyst;
