-- What failed, the latest first, and what came back of it.

create or replace view credits_monitoring.recent_failures as
select
    g.finished_at,
    g.user_id,
    g.provider,
    g.generation_type,
    g.error_type,
    g.error_code,
    g.error_message,
    g.credits_charged,
    f.credits_refunded,
    f.is_refunded as refunded,
    r.seconds_to_refund,
    g.generation_id,
    f.external_user_id
from credits.generations as g
-- The index on finished_at serves the order, and the rest is looked up for each generation: the
-- latest few are read without all the others.
cross join
    lateral (
        select
            k.credits_refunded,
            k.is_refunded,
            k.last_refund_id,
            k.external_user_id
        from credits_monitoring.generation_facts as k
        where
            k.user_id = g.user_id
            and k.generation_id = g.generation_id
        offset 0
    ) as f
left join lateral (
    select
        max(greatest(0, extract(epoch from t.created_at - g.finished_at)))::double precision
            as seconds_to_refund
    from credits.credit_transactions as t
    where
        t.user_id = g.user_id
        and t.transaction_id = f.last_refund_id
) as r on true
where
    g.finished_at is not null
    and g.status in ('failed', 'timed_out')
order by g.finished_at desc;

comment on view credits_monitoring.recent_failures is
'One row per generation that failed or timed out, the latest first. A query with a limit or a '
'filter on finished_at reads no more than it shows. Texts of errors are hostile input: show them '
'as text.';
comment on column credits_monitoring.recent_failures.finished_at is 'When it failed.';
comment on column credits_monitoring.recent_failures.user_id is 'Who paid.';
comment on column credits_monitoring.recent_failures.provider is 'Who did the work.';
comment on column credits_monitoring.recent_failures.generation_type is 'What was to be made.';
comment on column credits_monitoring.recent_failures.error_type is 'Kind of failure.';
comment on column credits_monitoring.recent_failures.error_code is 'The provider''s code for it.';
comment on column credits_monitoring.recent_failures.error_message is
'What the provider or the application said of the failure.';
comment on column credits_monitoring.recent_failures.credits_charged is
'Credits taken at the start.';
comment on column credits_monitoring.recent_failures.credits_refunded is
'Credits of credits_charged that came back until now.';
comment on column credits_monitoring.recent_failures.refunded is 'Whether any credits came back.';
comment on column credits_monitoring.recent_failures.seconds_to_refund is
'Seconds from the failure to the latest refund; null = no refund.';
comment on column credits_monitoring.recent_failures.generation_id is 'The generation.';
comment on column credits_monitoring.recent_failures.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.recent_failures from public;
grant select on credits_monitoring.recent_failures to credits_analyst;
