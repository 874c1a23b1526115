-- The fingerprint of the plan by which a table's balances were cut over; no row where none was.

select t.read_as
from credits.imported_tables as t
where
    t.source_table = %(table)s
    and t.role = 'balances'
    and t.closed_at is not null
