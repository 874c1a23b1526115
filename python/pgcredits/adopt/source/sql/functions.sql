-- The functions and procedures of the named schemas, or of all other schemas of applications, with
-- their text and who may call them.

select
    p.oid,
    n.nspname as schema,
    p.proname as name,
    pg_catalog.format(
        '%%I.%%I(%%s)',
        n.nspname,
        p.proname,
        pg_catalog.array_to_string(t.types, ', ')
    ) as signature,
    pg_catalog.pg_get_function_arguments(p.oid) as arguments,
    pg_catalog.pg_get_function_result(p.oid) as result,
    coalesce(p.proargnames, '{}') as argument_names,
    coalesce(p.proargmodes::text[], '{}') as argument_modes,
    array(
        select pg_catalog.format_type(a.type, null)
        from unnest(p.proallargtypes) with ordinality as a (type, n)
        order by a.n
    ) as all_types,
    pg_catalog.array_to_string(t.types, ',') as argument_types,
    coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as source,
    l.lanname as language,
    p.provolatile as volatility,
    p.prosecdef as is_definer,
    exists(
        select
        from unnest(p.proconfig) as g (setting)
        where g.setting like 'search_path=%%'
    ) as has_search_path,
    array(
        select coalesce(r.rolname, 'public')
        from pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) as a
        left join pg_catalog.pg_roles as r on a.grantee = r.oid
        where
            a.privilege_type = 'EXECUTE'
            and (a.grantee = 0 or r.rolname in ('anon', 'authenticated'))
            -- A role that cannot use the schema cannot call its functions.
            and exists (
                select
                from pg_catalog.pg_roles as e
                where
                    e.rolname in ('anon', 'authenticated')
                    and a.grantee in (0, e.oid)
                    and pg_catalog.has_schema_privilege(e.oid, n.oid, 'usage')
                union all
                select
                where
                    a.grantee = 0
                    and pg_catalog.has_schema_privilege('public', n.oid, 'usage')
            )
    )::text[] as open_to,
    exists(
        select
        from pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) as a
        where a.grantee <> p.proowner
    ) as is_reachable,
    array(
        select distinct pg_catalog.concat_ws('.', m.nspname, c.relname)
        from pg_catalog.pg_trigger as g
        inner join pg_catalog.pg_class as c on g.tgrelid = c.oid
        inner join pg_catalog.pg_namespace as m on c.relnamespace = m.oid
        where
            g.tgfoid = p.oid
            and not g.tgisinternal
    ) as triggered_by
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
inner join pg_catalog.pg_language as l on p.prolang = l.oid
cross join
    lateral (
        select
            array(
                select pg_catalog.format_type(i.type, null)
                from unnest(p.proargtypes::oid[]) with ordinality as i (type, n)
                order by i.n
            ) as types
    ) as t
where
    p.prokind in ('f', 'p')
    and case
        when n.nspname = any(%(schemas)s) then not %(elsewhere)s
        when n.nspname like 'pg\_%%' then false
        else %(elsewhere)s and n.nspname <> all(%(never)s)
    end
    -- Functions of an extension are not the application's.
    and not exists (
        select
        from pg_catalog.pg_depend as d
        where (d.classid, d.objid, d.deptype) = ('pg_catalog.pg_proc'::regclass, p.oid, 'e')
    )
order by n.nspname, p.proname, p.oid
