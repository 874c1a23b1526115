-- The text of every function and view of every schema: any of them may call a function or name a
-- table.

select
    p.oid as function,
    'function ' || p.oid::regprocedure::text as name,
    coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as text
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
where
    n.nspname not like 'pg\_%%'
    and n.nspname <> all(%(not_in)s)
    and not exists (
        select
        from pg_catalog.pg_depend as d
        where (d.classid, d.objid, d.deptype) = ('pg_catalog.pg_proc'::regclass, p.oid, 'e')
    )
union all
select
    null as function,
    'view ' || c.oid::regclass::text as name,
    pg_catalog.pg_get_viewdef(c.oid) as text
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    c.relkind in ('v', 'm')
    and n.nspname not like 'pg\_%%'
    and n.nspname <> all(%(not_in)s)
