-- Who was charged, saw the generation not succeed, and was not given back what the policy says.

create or replace view credits_monitoring.users_needing_refunds as
with owed as (
    select
        g.*,
        coalesce(r.refunded, 0) as credits_refunded,
        g.refund_due_credits - coalesce(r.refunded, 0) as credits_owed,
        extract(epoch from now() - g.refund_owed_since)::bigint as age_seconds
    from credits.generations as g
    left join credits.refund_totals as r
        on
            g.user_id = r.user_id
            and g.charge_transaction_id = r.transaction_id
    where
        -- refund_owed_since is set when paying a refund fails, so that this view never reads all
        -- generations; verify_ledger proves that none is missing.
        g.refund_owed_since is not null
        and not g.owed_review
)

select
    o.user_id,
    o.generation_id,
    o.provider,
    o.error_type,
    o.finished_at,
    o.refund_due_credits as credits_due,
    o.credits_refunded,
    o.credits_owed,
    o.age_seconds,
    e.message as last_error,
    x.external_id as external_user_id
from owed as o
left join credits.external_users as x on o.user_id = x.user_id
left join lateral (
    select (array_agg(f.message order by f.event_no desc))[1] as message
    from credits.generation_events as f
    where
        f.user_id = o.user_id
        and f.generation_id = o.generation_id
        and f.event = 'refund_failed'
) as e on true
where o.credits_owed > 0;

comment on view credits_monitoring.users_needing_refunds is
'One row per generation whose user is still owed a refund, except those under review. '
'retry_failed_refunds and settle_owed_refunds pay them.';
comment on column credits_monitoring.users_needing_refunds.user_id is 'Whom it is owed to.';
comment on column credits_monitoring.users_needing_refunds.generation_id is 'The generation.';
comment on column credits_monitoring.users_needing_refunds.provider is 'Who did the work.';
comment on column credits_monitoring.users_needing_refunds.error_type is
'Kind of failure; null = it succeeded at a lower price.';
comment on column credits_monitoring.users_needing_refunds.finished_at is 'When it finished.';
comment on column credits_monitoring.users_needing_refunds.credits_due is
'Credits that were to come back.';
comment on column credits_monitoring.users_needing_refunds.credits_refunded is
'Credits that came back so far.';
comment on column credits_monitoring.users_needing_refunds.credits_owed is
'Credits that are still to come back.';
comment on column credits_monitoring.users_needing_refunds.age_seconds is
'Seconds for which it has been owed.';
comment on column credits_monitoring.users_needing_refunds.last_error is
'Why it could not be paid.';
comment on column credits_monitoring.users_needing_refunds.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.users_needing_refunds from public;
grant select on credits_monitoring.users_needing_refunds to credits_analyst;
