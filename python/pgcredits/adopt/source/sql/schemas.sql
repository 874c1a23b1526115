-- Those of the named schemas that exist, and whether they can be an application's.

select
    n.nspname as name,
    n.nspname = any(%(ours)s)
    or n.nspname in ('information_schema')
    or n.nspname like 'pg\_%%' as is_taken
from pg_catalog.pg_namespace as n
where n.nspname = any(%(schemas)s)
