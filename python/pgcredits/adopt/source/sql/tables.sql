-- The tables of the named schemas, partitions aside, and what everybody may write there.

select
    c.oid,
    n.nspname as schema,
    c.relname as name,
    greatest(c.reltuples, 0)::bigint as estimated_rows,
    coalesce(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0) as writes,
    c.relrowsecurity as has_row_security,
    -- By what its rows are in partitions: a unique index must have these columns, too.
    array(
        select a.attname::text
        from pg_catalog.pg_partitioned_table as p
        inner join pg_catalog.pg_attribute as a on p.partrelid = a.attrelid
        where
            p.partrelid = c.oid
            and a.attnum = any(p.partattrs::smallint[])
        order by a.attnum
    ) as partitioned_by,
    array(
        select distinct a.privilege_type
        from pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) as a
        left join pg_catalog.pg_roles as r on a.grantee = r.oid
        where
            a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
            and (a.grantee = 0 or r.rolname in ('anon', 'authenticated'))
        order by a.privilege_type
    ) as open_to_all,
    -- The policies of writes for everybody: name, command, kind, and their two conditions.
    array(
        select
            array[
                p.polname::text,
                p.polcmd::text,
                case when p.polpermissive then 'permissive' else 'restrictive' end,
                coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), 'true'),
                coalesce(
                    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid),
                    pg_catalog.pg_get_expr(p.polqual, p.polrelid),
                    'true'
                )
            ]
        from pg_catalog.pg_policy as p
        where
            p.polrelid = c.oid
            and p.polcmd in ('a', 'w', 'd', '*')
            and exists (
                select
                from unnest(p.polroles) as m (role)
                left join pg_catalog.pg_roles as r on m.role = r.oid
                where m.role = 0 or r.rolname in ('anon', 'authenticated')
            )
        order by p.polname
    )::text[] as policies
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
left join pg_catalog.pg_stat_all_tables as s on c.oid = s.relid
where
    n.nspname = any(%(schemas)s)
    and c.relkind in ('r', 'p')
    -- Leave out partitions: their rows are read with the parent's.
    and not exists (
        select
        from pg_catalog.pg_inherits as i
        where i.inhrelid = c.oid
    )
order by n.nspname, c.relname
