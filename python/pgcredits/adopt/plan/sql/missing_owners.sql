-- Owners of the named tables and of pgcredits' schemas whose rights this role does not have.

select distinct pg_get_userbyid(o.owner) as owner
from (
    select c.relowner as owner
    from unnest(%(tables)s::text[]) as t (name)
    inner join pg_class as c on c.oid = to_regclass(t.name)
    union all
    select n.nspowner
    from pg_namespace as n
    where n.nspname in ('credits', 'credits_internal')
) as o
where not pg_has_role(o.owner, 'usage')
order by 1
