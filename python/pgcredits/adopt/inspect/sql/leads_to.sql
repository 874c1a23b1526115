-- Whether each value of a column stands in a column of another table, and there is one.

select
    count(*) > 0
    and count(*) = count(*) filter (
        where exists (
            select
            from {other} as o
            where o.{key} = t.{column}
        )
    ) as leads_there
from {table} as t
where t.{column} is not null
