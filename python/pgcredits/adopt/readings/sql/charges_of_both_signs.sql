-- A charge above 0, where there is another below 0.

select
from ({history}) as h
where h.kind in ('charge', 'expiry')
having
    min(h.amount) < 0
    and max(h.amount) > 0
