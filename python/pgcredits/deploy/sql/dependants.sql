-- What depends directly on a function or a view, on its row type, or on the array of that.
--
-- Parameters: kind and identity. One row per dependant: kind, identity.

with
subject as (
    select
        case %(kind)s
            when 'function' then 'pg_catalog.pg_proc'::regclass
            else 'pg_catalog.pg_class'::regclass
        end as classid,
        case %(kind)s
            when 'function' then to_regprocedure(%(identity)s)::oid
            else to_regclass(%(identity)s)::oid
        end as objid
),

start as (
    select
        s.classid,
        s.objid
    from subject as s

    union all

    select
        'pg_catalog.pg_type'::regclass as classid,
        t.oid as objid
    from subject as s
    inner join pg_catalog.pg_class as c on s.objid = c.oid
    inner join pg_catalog.pg_type as r on c.reltype = r.oid
    inner join pg_catalog.pg_type as t on t.oid in (r.oid, r.typarray)
    where s.classid = 'pg_catalog.pg_class'::regclass
),

-- The dependency of a view belongs to the view's rewrite rule.
dependants as (
    select distinct
        case
            when r.oid is null then d.classid else 'pg_catalog.pg_class'::regclass::oid
        end as classid,
        coalesce(r.ev_class, d.objid) as objid
    from start as s
    inner join pg_catalog.pg_depend as d
        on s.classid = d.refclassid and s.objid = d.refobjid and d.deptype in ('n', 'a')
    left join pg_catalog.pg_rewrite as r
        on
            d.classid = 'pg_catalog.pg_rewrite'::regclass
            and d.objid = r.oid
            and r.rulename = '_RETURN'
)

select
    case when p.prokind in ('f', 'p', 'w') then 'function' else i.type end as kind,
    coalesce(c.oid::regclass::text, p.oid::regprocedure::text, i.identity) as identity
from dependants as x
cross join lateral pg_identify_object(x.classid, x.objid, 0) as i
left join pg_catalog.pg_class as c
    on x.classid = 'pg_catalog.pg_class'::regclass and x.objid = c.oid
left join pg_catalog.pg_proc as p
    on x.classid = 'pg_catalog.pg_proc'::regclass and x.objid = p.oid
where
    not exists (
        select from start as s
        where s.classid = x.classid and s.objid = x.objid
    )
order by 1, 2
