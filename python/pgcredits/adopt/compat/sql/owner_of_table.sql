-- Who owns a table.

select pg_get_userbyid(c.relowner)::text as owner
from pg_class as c
where c.oid = to_regclass(%(table)s)
