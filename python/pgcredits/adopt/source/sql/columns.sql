-- The columns of the tables of the named schemas.

select
    a.attrelid as table_oid,
    a.attname as name,
    pg_catalog.format_type(t.oid, null) as type,
    not a.attnotnull as is_nullable,
    exists(
        select
        from pg_catalog.pg_index as i
        where
            i.indrelid = a.attrelid
            and i.indisunique
            and i.indpred is null
            and i.indnkeyatts = 1
            and i.indkey[0] = a.attnum
    ) as is_unique,
    coalesce(
        (
            select pg_catalog.array_position(i.indkey::smallint[], a.attnum) + 1
            from pg_catalog.pg_index as i
            where
                i.indrelid = a.attrelid
                and i.indisprimary
        ),
        0
    ) as key_position,
    coalesce(pg_catalog.col_description(a.attrelid, a.attnum), '') as comment,
    case
        when a.attgenerated <> ''
            then
                coalesce(
                    (
                        select pg_catalog.pg_get_expr(e.adbin, e.adrelid)
                        from pg_catalog.pg_attrdef as e
                        where
                            e.adrelid = a.attrelid
                            and e.adnum = a.attnum
                    ),
                    ''
                )
        else ''
    end as generated,
    f.refers_to,
    f.refers_to_column,
    -- The foreign key that sets it to null, or to its default, where what it refers to is deleted.
    (
        select k.conname
        from pg_catalog.pg_constraint as k
        where
            k.conrelid = a.attrelid
            and k.contype = 'f'
            and k.conkey = array[a.attnum]
            and k.confdeltype in ('n', 'd')
        order by k.oid
        limit 1
    ) as emptied_by,
    array(
        select distinct g.privilege_type
        from pg_catalog.aclexplode(a.attacl) as g
        left join pg_catalog.pg_roles as r on g.grantee = r.oid
        where
            g.privilege_type in ('INSERT', 'UPDATE')
            and (g.grantee = 0 or r.rolname in ('anon', 'authenticated'))
        order by g.privilege_type
    ) as open_to_all
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on a.attrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
-- A domain is read as what it is made of, be that a domain, too.
cross join
    lateral (
        with recursive made_of as (
            select
                d.oid,
                d.typbasetype
            from pg_catalog.pg_type as d
            where d.oid = a.atttypid
            union all
            select
                b.oid,
                b.typbasetype
            from made_of as m
            cross join pg_catalog.pg_type as b
            where b.oid = m.typbasetype
        )

        select m.oid
        from made_of as m
        where m.typbasetype = 0
    ) as t
-- The table and the column to which a foreign key of this column alone refers.
left join
    lateral (
        select
            pg_catalog.concat_ws('.', m.nspname, r.relname) as refers_to,
            b.attname as refers_to_column
        from pg_catalog.pg_constraint as k
        inner join pg_catalog.pg_class as r on k.confrelid = r.oid
        inner join pg_catalog.pg_namespace as m on r.relnamespace = m.oid
        inner join pg_catalog.pg_attribute as b
            on
                k.confrelid = b.attrelid
                and k.confkey[1] = b.attnum
        where
            k.conrelid = a.attrelid
            and k.contype = 'f'
            and k.conkey = array[a.attnum]
        order by k.oid
        limit 1
    ) as f
    on true
where
    n.nspname = any(%(schemas)s)
    and c.relkind in ('r', 'p')
    and not c.relispartition
    and a.attnum > 0
    and not a.attisdropped
order by a.attrelid, a.attnum
