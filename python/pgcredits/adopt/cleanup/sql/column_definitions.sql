-- The columns of a table, as CREATE TABLE takes them.

select
    format(
        '%%I %%s%%s%%s%%s',
        a.attname,
        format_type(a.atttypid, a.atttypmod),
        case
            when a.attcollation <> t.typcollation
                then format(' collate %%s', a.attcollation::regcollation)
            else ''
        end,
        case
            when q.seqrelid is not null
                then format(
                    ' generated %%s as identity'
                    ' (start %%s increment %%s minvalue %%s maxvalue %%s%%s)',
                    case a.attidentity when 'a' then 'always' else 'by default' end,
                    q.seqstart,
                    q.seqincrement,
                    q.seqmin,
                    q.seqmax,
                    case when q.seqcycle then ' cycle' else '' end
                )
            when a.attgenerated <> ''
                then format(
                    ' generated always as (%%s) %%s',
                    pg_get_expr(d.adbin, d.adrelid),
                    case a.attgenerated when 's' then 'stored' else 'virtual' end
                )
            when d.adbin is not null then ' default ' || pg_get_expr(d.adbin, d.adrelid)
            else ''
        end,
        case when a.attnotnull then ' not null' else '' end
    ) as definition
from pg_attribute as a
inner join pg_type as t on a.atttypid = t.oid
left join pg_attrdef as d
    on
        a.attrelid = d.adrelid
        and a.attnum = d.adnum
left join pg_depend as i
    on
        a.attidentity <> ''
        and i.classid = 'pg_class'::regclass
        and i.refclassid = 'pg_class'::regclass
        and a.attrelid = i.refobjid
        and a.attnum = i.refobjsubid
        and i.deptype = 'i'
left join pg_sequence as q on i.objid = q.seqrelid
where
    a.attrelid = %(table)s
    and a.attnum > 0
    and not a.attisdropped
order by a.attnum
