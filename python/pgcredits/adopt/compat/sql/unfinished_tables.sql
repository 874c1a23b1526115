-- Those of the named tables that were not moved over completely.

select s.source_table
from unnest(%(tables)s::text[], %(roles)s::text[]) as s (source_table, role)
left join credits.imported_tables as t
    on
        s.source_table = t.source_table
        and s.role = t.role
where
    t.closed_at is null
    or t.copied_at is null
