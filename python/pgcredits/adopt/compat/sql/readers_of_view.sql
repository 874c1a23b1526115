-- To whom something is granted on a view, beside its owner.

select distinct coalesce(r.rolname::text, 'public') as reader
from pg_class as c
cross join lateral aclexplode(c.relacl) as a
left join pg_roles as r on a.grantee = r.oid
where
    c.oid = to_regclass(%(view)s)
    and a.grantee <> c.relowner
order by reader
