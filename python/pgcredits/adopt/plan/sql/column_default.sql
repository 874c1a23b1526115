-- The default of a column; no row where it has none, or is computed from others.

select pg_get_expr(d.adbin, d.adrelid) as default_value
from pg_attrdef as d
inner join pg_attribute as a
    on
        d.adrelid = a.attrelid
        and d.adnum = a.attnum
where
    d.adrelid = to_regclass(%(table)s)
    and a.attname = %(column)s
    and a.attgenerated = ''
