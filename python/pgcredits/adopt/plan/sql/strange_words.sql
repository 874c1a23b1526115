-- Words in a column that the plan does not explain; the empty word stands for null.

select distinct coalesce(t.{column}::text, '') as word
from {table} as t
where coalesce(t.{column}::text, '') <> all({known}::text[])
order by 1
limit 10
