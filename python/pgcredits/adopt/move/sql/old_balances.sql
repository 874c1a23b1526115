-- Keep the old balances for this transaction, users in batches.

create temporary table old_balances on commit drop as
select
    b.*,
    {name}::text as source_table,
    (dense_rank() over (order by b.user_id) - 1) / {users} as batch
from ({balances}) as b
where b.user_id is not null
