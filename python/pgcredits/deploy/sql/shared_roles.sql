-- The roles of ours that hold rights in another database of this server, too.
--
-- One row per role and database. Members: who may log in, connect to this database and act as the
-- role; null = nobody but superusers and the owner of this installation.

select
    r.rolname as role,
    d.datname as database,
    (
        select string_agg(quote_ident(b.rolname), ', ' order by b.rolname)
        from pg_catalog.pg_roles as b
        where
            b.rolcanlogin
            and not b.rolsuper
            and pg_catalog.pg_has_role(b.oid, r.oid, 'member')
            and pg_catalog.has_database_privilege(b.oid, current_database(), 'connect')
            and not exists (
                select from pg_catalog.pg_namespace as n
                where n.nspname = 'credits_deploy' and n.nspowner = b.oid
            )
    ) as members
from pg_catalog.pg_roles as r
inner join pg_catalog.pg_shdepend as s
    on r.oid = s.refobjid and s.refclassid = 'pg_catalog.pg_authid'::regclass
inner join pg_catalog.pg_database as d on s.dbid = d.oid
where
    r.rolname in ('credits_app', 'credits_analyst', 'credits_operator')
    and d.datname <> current_database()
group by
    r.oid,
    r.rolname,
    d.datname
order by
    r.rolname,
    d.datname
