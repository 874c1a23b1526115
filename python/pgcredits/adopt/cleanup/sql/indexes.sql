-- Statements that make the indexes of the named tables, but for those that a constraint makes.

select pg_get_indexdef(i.indexrelid) || ';' as definition
from pg_index as i
where
    i.indrelid = any(%(tables)s)
    and not exists (
        select
        from pg_constraint as c
        where
            c.conindid = i.indexrelid
            and c.contype in ('p', 'u', 'x')
    )
order by 1
