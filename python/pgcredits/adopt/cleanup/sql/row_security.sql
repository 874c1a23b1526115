-- Statements that switch row security on where the named tables have it.

select format('alter table %%s %%s row level security;', c.oid::regclass, r.does) as definition
from pg_class as c
cross join
    lateral (
        values ('enable', c.relrowsecurity), ('force', c.relforcerowsecurity)
    ) as r (does, is_so)
where
    c.oid = any(%(tables)s)
    and r.is_so
order by 1
