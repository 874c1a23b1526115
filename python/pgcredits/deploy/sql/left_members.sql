-- Who is granted a role that this installation no longer uses: the name of the role, and the
-- member's.
--
-- The owner of the installation needs no role.

select
    r.rolname as role,
    b.rolname as member
from pg_catalog.pg_auth_members as m
inner join pg_catalog.pg_roles as r on m.roleid = r.oid
inner join pg_catalog.pg_roles as b on m.member = b.oid
where
    r.rolname in ('credits_app', 'credits_analyst', 'credits_operator')
    and b.rolname not in ('credits_app', 'credits_analyst', 'credits_operator')
    and b.oid <> (
        select n.nspowner
        from pg_catalog.pg_namespace as n
        where n.nspname = 'credits_deploy'
    )
group by
    r.rolname,
    b.rolname
order by
    r.rolname,
    b.rolname
