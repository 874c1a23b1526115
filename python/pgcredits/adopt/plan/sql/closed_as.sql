-- By which plan the balances of a table were cut over; no row where they were not.

select t.read_as
from credits.imported_tables as t
where
    t.source_table = %(table)s
    and t.role = 'balances'
    and t.closed_at is not null
