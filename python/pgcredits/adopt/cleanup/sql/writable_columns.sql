-- The columns of a table that a row can be inserted with.

select a.attname as name
from pg_attribute as a
where
    a.attrelid = %(table)s
    and a.attnum > 0
    and not a.attisdropped
    and a.attgenerated = ''
order by a.attnum
