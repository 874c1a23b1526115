-- A row that has nothing in one column, and something in another, if there is one.

select
from {table} as t
where
    t.{user} is null
    and t.{other} is not null
limit 1
