-- The policies that say which rows of a table may be seen, and who was granted to look.

select
    p.polpermissive as is_permissive,
    pg_get_expr(p.polqual, p.polrelid) as condition,
    -- It reads other tables, or hands its row on as a whole.
    strpos(pg_get_expr(p.polqual, p.polrelid), quote_ident(c.relname) || '.*') > 0
    or exists (
        select
        from pg_depend as d
        where
            d.classid = 'pg_policy'::regclass
            and d.objid = p.oid
            and d.refclassid = 'pg_class'::regclass
            and d.refobjid <> c.oid
    ) as looks_further,
    -- None is everybody.
    array(
        select r.rolname::text
        from pg_roles as r
        where r.oid = any(p.polroles)
        order by r.rolname
    ) as roles,
    array(
        select distinct coalesce(r.rolname::text, 'public') as reader
        from aclexplode(c.relacl) as a
        left join pg_roles as r on a.grantee = r.oid
        where
            a.privilege_type = 'SELECT'
            and a.grantee <> c.relowner
        order by reader
    ) as readers
from pg_class as c
inner join pg_policy as p on c.oid = p.polrelid
where
    c.oid = %(table)s
    and c.relrowsecurity
    and p.polcmd in ('r', '*')
    and p.polqual is not null
order by p.polname
