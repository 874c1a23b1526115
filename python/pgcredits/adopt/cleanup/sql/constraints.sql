-- Statements that add the constraints of these types to the named tables.

select
    format(
        'alter table %%s add constraint %%I %%s;',
        c.conrelid::regclass,
        c.conname,
        pg_get_constraintdef(c.oid)
    ) as definition
from pg_constraint as c
where
    c.conrelid = any(%(tables)s)
    and c.contype::text = any(%(types)s)
order by c.conname
