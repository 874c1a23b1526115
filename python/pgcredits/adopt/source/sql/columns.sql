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
    end as generated
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on a.attrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
inner join pg_catalog.pg_type as d on a.atttypid = d.oid
inner join pg_catalog.pg_type as t on t.oid = coalesce(nullif(d.typbasetype, 0), d.oid)
where
    n.nspname = any(%(schemas)s)
    and c.relkind in ('r', 'p')
    and not c.relispartition
    and a.attnum > 0
    and not a.attisdropped
order by a.attrelid, a.attnum
