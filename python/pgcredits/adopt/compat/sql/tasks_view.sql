-- The old rows as they stand now. A join, so that PostgreSQL refuses every write.

select {shown}
from {table} as t
left join credits.generations as g
    on
        g.user_id = {user_id}
        and g.generation_id = {generation_id}
left join credits.refund_totals as r
    on
        g.user_id = r.user_id
        and g.charge_transaction_id = r.transaction_id
