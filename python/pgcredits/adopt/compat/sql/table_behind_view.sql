-- The table that a view of ours stands for.

select
    n.nspname as schema,
    t.relname as name
from pg_class as v
inner join pg_rewrite as r on v.oid = r.ev_class
inner join pg_depend as d
    on
        r.oid = d.objid
        and d.classid = 'pg_rewrite'::regclass
        and d.refclassid = 'pg_class'::regclass
inner join pg_class as t on d.refobjid = t.oid
inner join pg_namespace as n on t.relnamespace = n.oid
where
    v.oid = to_regclass(%(view)s)
    and v.relkind = 'v'
    and starts_with(obj_description(v.oid, 'pg_class'), %(comment)s)
    and t.relkind in ('r', 'p')
    and t.relname = %(name)s
limit 1
