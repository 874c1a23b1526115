-- How many rows of a history move the balance by an amount whose sign the plan does not give.

select count(*) as rows
from ({history}) as h
where
    h.credits is null
    and h.amount is not null
