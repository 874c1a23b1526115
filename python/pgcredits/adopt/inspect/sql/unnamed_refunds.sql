-- Refunds that do not say what was refunded.

select
    count(*) as rows,
    coalesce(sum(abs(h.amount)), 0)::bigint as credits
from ({history}) as h
where
    h.kind = 'refund'
    and nullif(btrim(h.reference), '') is null
