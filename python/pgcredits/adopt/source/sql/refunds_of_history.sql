-- The refunds of a history.

select
    {name} as source_table,
    h.user_id,
    h.reference,
    abs(h.amount) as credits,
    h.amount > 0 as came
from ({history}) as h
where h.kind = 'refund'
