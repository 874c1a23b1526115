-- The arguments of a trigger, each with a zero byte after it; no row where it is not there.

select t.tgargs as arguments
from pg_trigger as t
where
    t.tgrelid = %(table)s
    and t.tgname = %(trigger)s
    and t.tgfoid = 'credits_internal.mirror_legacy_task()'::regprocedure
