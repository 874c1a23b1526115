-- Foreign tables of the named schemas, and views of what is in other schemas: their rows are
-- elsewhere.

select
    n.nspname as schema,
    c.relname as name,
    c.relkind = 'f' as is_foreign,
    b.tables
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
cross join
    lateral (
        select
            array_agg(distinct o.name order by o.name) filter (where o.is_elsewhere) as tables,
            coalesce(bool_and(o.is_elsewhere), false) as are_elsewhere
        from (
            select
                pg_catalog.concat_ws('.', m.nspname, r.relname) as name,
                m.nspname <> all(%(schemas)s) as is_elsewhere
            from pg_catalog.pg_rewrite as w
            inner join pg_catalog.pg_depend as d
                on
                    d.classid = 'pg_catalog.pg_rewrite'::regclass
                    and w.oid = d.objid
                    and d.refclassid = 'pg_catalog.pg_class'::regclass
                    and c.oid <> d.refobjid
            inner join pg_catalog.pg_class as r on d.refobjid = r.oid
            inner join pg_catalog.pg_namespace as m on r.relnamespace = m.oid
            where w.ev_class = c.oid
        ) as o
    ) as b
where
    n.nspname = any(%(schemas)s)
    and n.nspname <> all(%(never)s)
    and (c.relkind = 'f' or (c.relkind in ('v', 'm') and b.are_elsewhere))
    -- What belongs to an extension is not the application's.
    and not exists (
        select
        from pg_catalog.pg_depend as d
        where (d.classid, d.objid, d.deptype) = ('pg_catalog.pg_class'::regclass, c.oid, 'e')
    )
order by n.nspname, c.relname
