-- How many rows of each kind are below and above 0.

select
    h.kind,
    count(*) as rows,
    count(*) filter (where h.amount < 0) as negative,
    count(*) filter (where h.amount > 0) as positive,
    coalesce(sum(abs(h.amount)) filter (where h.amount < 0), 0)::bigint as below,
    coalesce(sum(h.amount) filter (where h.amount > 0), 0)::bigint as above
from ({history}) as h
group by h.kind
