-- Those of the named tables from which a deletion would reach into another table.

select c.confrelid as oid
from pg_constraint as c
where
    c.contype = 'f'
    and c.confrelid = any(%(tables)s)
    and c.confdeltype not in ('a', 'r')
