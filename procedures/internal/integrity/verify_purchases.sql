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
            t.user_id,
            t.transaction_id,
            t.idempotency_key,
            count(*) over (partition by t.idempotency_key) as users
        from credits.credit_transactions as t
        where t.source = 'purchase'
    )
    select
        'purchase_key',
        p.user_id,
        p.transaction_id,
        null::uuid,
        '1',
        p.users::text,
        'one payment is granted to one user: ' || p.idempotency_key
    from purchases as p
    where p.users > 1;
end
$verify_purchases$;

comment on function credits_internal.verify_purchases is
'Purchases of different users under the same key.';

revoke all on function credits_internal.verify_purchases from public;
