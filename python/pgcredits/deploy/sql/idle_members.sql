-- Members of our roles that do not inherit them: role, member, and the statement that mends it.
--
-- The owner of the installation needs no role. Who may only pass a role on does not want to use it.

select distinct
    r.rolname as role,
    b.rolname as member,
    case
        when current_setting('server_version_num')::integer >= 160000
            then format('grant %I to %I with inherit true', r.rolname, b.rolname)
        else format('alter role %I inherit', b.rolname)
    end as statement
from pg_catalog.pg_auth_members as m
inner join pg_catalog.pg_roles as r on m.roleid = r.oid
inner join pg_catalog.pg_roles as b on m.member = b.oid
where
    r.rolname in ('credits_app', 'credits_analyst', 'credits_operator')
    and not pg_catalog.pg_has_role(b.oid, r.oid, 'usage')
    -- PostgreSQL 15 has no such column.
    and coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
    and b.oid <> (
        select n.nspowner
        from pg_catalog.pg_namespace as n
        where n.nspname = 'credits_deploy'
    )
order by
    r.rolname,
    b.rolname
