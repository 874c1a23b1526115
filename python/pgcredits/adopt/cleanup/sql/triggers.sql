-- Statements that make the triggers of the named tables.

select pg_get_triggerdef(t.oid) || ';' as definition
from pg_trigger as t
where
    t.tgrelid = any(%(tables)s)
    and not t.tgisinternal
order by 1
