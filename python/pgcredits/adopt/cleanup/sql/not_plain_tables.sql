-- Those of the named tables whose copy would have to be more than a CREATE TABLE.

select c.oid
from pg_catalog.pg_class as c
where
    c.oid = any(%(tables)s)
    and (
        c.relkind <> 'r'
        or c.relhasrules
        or exists (
            select
            from pg_catalog.pg_inherits as i
            where c.oid in (i.inhparent, i.inhrelid)
        )
    )
