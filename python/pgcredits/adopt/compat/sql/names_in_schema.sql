-- The functions, tables and views of a schema, with their comments.

select
    p.oid::regprocedure::text as name,
    obj_description(p.oid, 'pg_proc') as comment
from pg_proc as p
where p.pronamespace = to_regnamespace(%(schema)s)
union all
select
    c.oid::regclass::text as name,
    obj_description(c.oid, 'pg_class') as comment
from pg_class as c
where
    c.relnamespace = to_regnamespace(%(schema)s)
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
