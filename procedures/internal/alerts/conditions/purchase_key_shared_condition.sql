-- Payments that were granted to several users.
--
-- Judged are payments granted lately, and those whose alert is open: both are few, and who else was
-- granted one is found by an index on the keys of purchases.

create or replace function credits_internal.purchase_key_shared_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $purchase_key_shared_condition$
    select
        r.type,
        credits_internal.nil_uuid(),
        k.idempotency_key,
        null::credits.alert_level,
        null::text,
        format('%s users were granted the payment %s', cardinality(s.user_ids), k.idempotency_key),
        jsonb_build_object('idempotency_key', k.idempotency_key, 'user_ids', s.user_ids)
    from credits.alert_rules as r
    cross join lateral (
        select t.idempotency_key
        from credits.credit_transactions as t
        where
            t.created_at > p_now - r.time_window
            and t.source = 'purchase'
        union
        select a.dedup_key
        from credits.system_alerts as a
        where
            a.type = r.type
            and a.resolved_at is null
    ) as k
    cross join lateral (
        select array_agg(t.user_id order by t.user_id) as user_ids
        from credits.credit_transactions as t
        where
            t.idempotency_key = k.idempotency_key
            and t.source = 'purchase'
            and not credits_internal.is_revoked(t)
    ) as s
    where
        r.type = 'purchase_key_shared'
        and r.enabled
        and cardinality(s.user_ids) > 1
$purchase_key_shared_condition$;

comment on function credits_internal.purchase_key_shared_condition is
'The condition of purchase_key_shared for each payment of which it holds at this time.';

revoke all on function credits_internal.purchase_key_shared_condition from public;
