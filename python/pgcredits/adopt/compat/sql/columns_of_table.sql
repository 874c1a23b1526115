-- What the columns of a table are given where a statement does not name them.

select
    a.attname as name,
    pg_get_expr(d.adbin, d.adrelid) as default_value,
    a.attgenerated <> '' as is_generated,
    case
        when a.attidentity <> '' then pg_get_serial_sequence(%(table)s, a.attname)
    end as sequence
from pg_attribute as a
left join pg_attrdef as d
    on
        a.attrelid = d.adrelid
        and a.attnum = d.adnum
where
    a.attrelid = to_regclass(%(table)s)
    and a.attnum > 0
    and not a.attisdropped
order by a.attnum
