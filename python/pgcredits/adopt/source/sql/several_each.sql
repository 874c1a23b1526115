-- A value that several rows have in a column, if there is one.

select
from {table} as t
where t.{column} is not null
group by t.{column}
having count(*) > 1
limit 1
