-- The views of the named schemas, and what everybody may write through them.

select
    c.oid,
    n.nspname as schema,
    c.relname as name,
    pg_catalog.pg_get_viewdef(c.oid) as definition,
    -- A write through a view uses its owner's rights, unless the view is security_invoker.
    array(
        select distinct a.privilege_type
        from pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) as a
        left join pg_catalog.pg_roles as r on a.grantee = r.oid
        where
            a.privilege_type in ('INSERT', 'UPDATE', 'DELETE')
            and (a.grantee = 0 or r.rolname in ('anon', 'authenticated'))
            and pg_catalog.pg_relation_is_updatable(c.oid, false) <> 0
            and not exists (
                select
                from unnest(c.reloptions) as o (said)
                where o.said in ('security_invoker=true', 'security_invoker=on')
            )
        order by a.privilege_type
    ) as open_to_all
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    n.nspname = any(%(schemas)s)
    and c.relkind in ('v', 'm')
order by n.nspname, c.relname
