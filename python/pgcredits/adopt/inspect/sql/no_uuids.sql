-- A row whose text in this column is not a uuid, if there is one.

select
from {table} as t
where t.{column}::text !~* '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
limit 1
