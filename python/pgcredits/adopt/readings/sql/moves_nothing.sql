-- A row where a history has amounts, and none of its rows moves anything as it is read.

select
from ({all_rows}) as h
where h.amount <> 0
having
    count(*) > 0
    and not exists (
        select
        from ({history}) as o
        where o.credits <> 0
    )
