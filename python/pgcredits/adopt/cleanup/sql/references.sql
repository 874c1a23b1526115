-- Foreign keys that point to the named tables.

select
    c.conrelid as referencing,
    c.conrelid::regclass::text as name,
    c.confrelid as referenced
from pg_catalog.pg_constraint as c
where
    c.contype = 'f'
    and c.confrelid = any(%(tables)s)
