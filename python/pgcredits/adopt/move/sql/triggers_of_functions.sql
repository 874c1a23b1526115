-- The enabled triggers of a table that call one of these functions.

select t.tgname as trigger
from pg_trigger as t
inner join pg_proc as p on t.tgfoid = p.oid
where
    t.tgrelid = %(table)s
    and p.proname = any(%(functions)s)
    and not t.tgisinternal
    and t.tgenabled <> 'D'
