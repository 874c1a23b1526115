-- The old rows, and the ledger since. A union, so that PostgreSQL refuses every write.

select {old}
from {table} as t
union all
select {new}
from credits.credit_transactions as e
left join credits.external_users as x on e.user_id = x.user_id
where
    e.idempotency_key is null
    or e.idempotency_key not like 'legacy:%'
