-- Grants that were made more than once for the same user and reference.

select
    count(*) as rows,
    coalesce(sum(p.credits), 0)::bigint as credits
from (
    select sum(abs(h.amount)) - max(abs(h.amount)) as credits
    from ({history}) as h
    where
        h.kind = 'grant'
        and nullif(btrim(h.reference), '') is not null
    group by h.user_id, h.reference
    having count(*) > 1
) as p
