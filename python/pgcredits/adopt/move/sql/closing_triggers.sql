-- The triggers that refuse writes to a table; a partition's go with those of its parent.

select g.tgname as name
from pg_trigger as g
where
    g.tgrelid = to_regclass(%(table)s)
    and g.tgparentid = 0
    and g.tgfoid = 'credits_internal.refuse_legacy_write()'::regprocedure
