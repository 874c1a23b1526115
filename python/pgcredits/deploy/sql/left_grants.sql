-- What our roles have rights on in this database outside pgcredits' own schemas.

select
    r.rolname as role,
    pg_catalog.pg_describe_object(s.classid, s.objid, s.objsubid) as described
from pg_catalog.pg_shdepend as s
inner join pg_catalog.pg_roles as r
    on s.refobjid = r.oid and s.refclassid = 'pg_catalog.pg_authid'::regclass
inner join pg_catalog.pg_database as d on s.dbid = d.oid
where
    r.rolname in ('credits_app', 'credits_analyst', 'credits_operator')
    and d.datname = current_database()
order by
    r.rolname,
    pg_catalog.pg_describe_object(s.classid, s.objid, s.objsubid)
