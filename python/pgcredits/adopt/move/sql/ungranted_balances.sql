-- Balances whose grant in the ledger differs from what was to be granted.

select
    coalesce(x.external_id, b.user_id::text) as user_id,
    b.bucket,
    b.granted as before,
    t.credits as after
from credits.imported_balances as b
left join credits.credit_transactions as t
    on
        b.user_id = t.user_id
        and b.transaction_id = t.transaction_id
        and b.idempotency_key = t.idempotency_key
left join credits.external_users as x on b.user_id = x.user_id
where
    b.granted > 0
    and t.credits is distinct from b.granted
order by user_id, b.bucket
limit {most}
