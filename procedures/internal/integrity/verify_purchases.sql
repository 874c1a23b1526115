-- No payment was granted to two users.

create or replace function credits_internal.verify_purchases()
returns setof credits.ledger_violation
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $verify_purchases$
begin
    return query
    with purchases as (
        select
            t,
            t.user_id,
            t.transaction_id,
            t.idempotency_key,
            count(*) over (partition by t.idempotency_key) as users
        from credits.credit_transactions as t
        where t.source = 'purchase'
    ),
    kept as (
        select
            p.user_id,
            p.transaction_id,
            p.idempotency_key,
            count(*) over (partition by p.idempotency_key) as users
        from purchases as p
        where
            p.users > 1
            and not credits_internal.is_revoked(p.t)
    )
    select
        'purchase_key',
        k.user_id,
        k.transaction_id,
        null::uuid,
        '1',
        k.users::text,
        'one payment is granted to one user: ' || k.idempotency_key
    from kept as k
    where k.users > 1;
end
$verify_purchases$;

comment on function credits_internal.verify_purchases is
'Purchases of different users under the same key, but for those that were revoked in full.';

revoke all on function credits_internal.verify_purchases from public;
