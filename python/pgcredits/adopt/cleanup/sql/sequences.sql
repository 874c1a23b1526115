-- Sequences that belong to columns of the named tables. A serial column's sequence has to be made
-- before the table; an identity column makes its own.

select
    s.oid::regclass::text as name,
    format(
        'create sequence %%s as %%s start %%s increment %%s minvalue %%s maxvalue %%s%%s;',
        s.oid::regclass,
        q.seqtypid::regtype,
        q.seqstart,
        q.seqincrement,
        q.seqmin,
        q.seqmax,
        case when q.seqcycle then ' cycle' else '' end
    ) as definition,
    format('alter sequence %%s owned by %%s.%%I;', s.oid::regclass, t.oid::regclass, a.attname)
        as owned,
    format('select setval(%%L, %%s);', s.oid::regclass, pg_sequence_last_value(s.oid)) as reached,
    d.deptype = 'a' as is_serial
from pg_depend as d
inner join pg_class as s
    on
        d.objid = s.oid
        and s.relkind = 'S'
inner join pg_sequence as q on s.oid = q.seqrelid
inner join pg_class as t on d.refobjid = t.oid
inner join pg_attribute as a
    on
        d.refobjid = a.attrelid
        and d.refobjsubid = a.attnum
where
    d.classid = 'pg_class'::regclass
    and d.refclassid = 'pg_class'::regclass
    and d.deptype in ('a', 'i')
    and d.refobjid = any(%(tables)s)
order by 1
